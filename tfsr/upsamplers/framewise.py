"""The base of systems that work frame by frame, on whole files and on streams."""

from collections.abc import Callable, Mapping

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convolution import time_of
from tfsr.networks.spectral_trunk import SpectralTrunk
from tfsr.signal.frame_codec import FrameCodec
from tfsr.signal.stft import Spectrum
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.base import GraphStreams, Signature
from tfsr.upsamplers.reconstruction import Loss, Reconstruction

State = dict[str, tf.Tensor]
"""What a stream has been, for what follows: name -> float32 [batch, ...], all sizes fixed.

"input": the last samples that came in. "sum": of frames, what later ones are still added to.
"layer0", "layer1", ...: what the network's layers have seen last.
"""


class Framewise(Reconstruction):
    """A network turns frames of the input into frames of the output, which are overlap-added.

    A causal network also runs on streams, hop by hop: the system is its own `streams`. A subclass
    may override `beside`, a signal to which the frames are added. It may also override `framed`.

    Args:
        network: makes the network when it is called with `outputs`. The network maps the Spectrum
            of the input to a Spectrum of the highest `outputs` bins of the codec.
        outputs: number of bins that the network gives.
        input_rate, output_rate: Hz.
        losses: name -> function of (high, estimate), both [batch, time], that gives [batch].
        codec: frames at the output rate; the ratio divides its hop and half its n_fft.
        reach: number of input samples before and after that `beside` depends on. It must not wait
            longer than the frames do.
        weights: weights of the losses in the sum that is minimised; 1 where not given.
        adversarial: discriminators; None: there are none.
        optimizer: Adam with 1e-3 unless given.

    Attributes:
        delay: output samples by which what `step` gives is later than what `upsample` gives.
        latency: output samples from when one comes in to when it is heard, its hop filling too.

    Raises:
        UserError: frames that the ratio does not divide.
    """

    training_only = Reconstruction.training_only | {"losses": {}}

    def __init__(
        self,
        network: Callable[..., SpectralTrunk],
        outputs: int,
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss],
        codec: FrameCodec,
        reach: int = 0,
        weights: Mapping[str, float] | None = None,
        adversarial: Adversarial | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        optimizer = optimizer or keras.optimizers.Adam(1e-3)
        super().__init__(input_rate, output_rate, losses, weights, adversarial, optimizer)
        self.codec = codec
        self.frame_rate = output_rate / codec.hop_length
        samples, self.hop = codec.low(self.ratio)
        self.delay = codec.support - codec.hop_length
        self._late = self.delay // self.ratio
        self._past = max(samples - self.hop, self._late + reach)
        self._past_of_frame = samples - self.hop
        self.network = self.make("network", network, outputs=outputs)
        self.latency_ms = 1000 * self.latency / output_rate if self.network.causal else None
        before, after = self.network.receptive_field
        self.receptive_field = max(
            reach,
            before * self.hop + samples - 1,
            after * self.hop + codec.support // self.ratio - 1,
        )

    def beside(self, x: tf.Tensor) -> tf.Tensor | None:
        """The signal to which the frames are added, `delay` samples late; None: there is none.

        Args:
            x: the input with the samples before it, float32 [batch, `_past` + time]. For whole
                files, `_late` samples follow.
        """
        return None

    def framed(self, frames: Spectrum, training: bool) -> tf.Tensor:
        """The signal of the network's frames, by synthesis and overlap-add."""
        return self.codec.synthesize(frames)

    @property
    def streams(self) -> GraphStreams | None:
        """Itself, where the network is causal."""
        return self if self.network.causal else None

    @property
    def latency(self) -> int:
        return self.codec.latency + self.network.latency * self.codec.hop_length

    def initial_state(self, batch: int | tf.Tensor = 1) -> State:
        """The state before the first hop of a stream.

        Raises:
            UserError: the network is not causal.
        """
        layers = self.network.initial_state(batch)
        return {
            "input": tf.zeros([batch, self._past]),
            "sum": tf.zeros([batch, self.delay]),
            **{f"layer{number}": state for number, state in enumerate(layers)},
        }

    def step(self, frame: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """The next part of a stream.

        All parts together are `upsample` of the whole after `delay` samples. These are nearly 0:
        what filters and windows spread before the signal's beginning.

        Args:
            frame: float32 [batch, time], a whole number of hops.
            state: what the step before gave, or `initial_state`.

        Returns:
            float32 [batch, ratio * time], and the next state.
        """
        x = tf.concat([state["input"], frame], axis=1)
        layers = tuple(state[name] for name in _names(len(state) - 2))
        frames, layers = self.network.step(self._known(x), layers)
        made = self.framed(frames, training=False)
        begun = made[:, : self.delay] + state["sum"]
        made = tf.concat([begun, made[:, self.delay :]], axis=1)
        kept = {"input": x[:, -self._past :], "sum": made[:, -self.delay :]}
        return self._added(x, made), kept | dict(zip(_names(len(layers)), layers, strict=True))

    @property
    def signatures(self) -> dict[str, Signature]:
        """Of one that has `streams` also "step", see `step_signature`, and "initial_state".

        The latter takes {"stream": int32 [batch]}, any number for each stream that begins.
        """
        if self.streams is None:
            return super().signatures
        stream = {"stream": tf.TensorSpec([None], tf.int32)}
        return super().signatures | {
            "initial_state": Signature(self._serve_initial_state, stream, {"stream": 0}),
            "step": self.step_signature(),
        }

    def step_signature(self, batch: int | None = None, hops: int | None = None) -> Signature:
        """`step` by names, see `GraphStreams`."""
        samples = hops and hops * self.hop
        state = self.initial_state()
        specs = {name: tf.TensorSpec([batch, *x.shape[1:]]) for name, x in state.items()}
        return Signature(self._serve_step, {"audio": tf.TensorSpec([batch, samples])} | specs)

    def _serve_initial_state(self, stream: tf.Tensor) -> State:
        return self.initial_state(tf.shape(stream)[0])

    def _serve_step(self, audio: tf.Tensor, **state: tf.Tensor) -> dict[str, tf.Tensor]:
        high, state = self.step(audio, state)
        return {"audio": high} | state

    def widened(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        time = time_of(low)
        x = tf.pad(low, [[0, 0], [self._past, -time % self.hop + self._late]])
        frames = self.network(self._known(x), training=training)
        high = self._added(x, self.framed(frames, training))
        return high[:, self.delay : self.delay + self.ratio * time]

    def _known(self, x: tf.Tensor) -> Spectrum:
        """The frames that end with each hop after the past."""
        return self.codec.analyze(x[:, self._past - self._past_of_frame :], self.ratio)

    def _added(self, x: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        beside, made = self.beside(x), made[:, : -self.delay]
        return made if beside is None else beside + made


def _names(layers: int) -> list[str]:
    return [f"layer{number}" for number in range(layers)]
