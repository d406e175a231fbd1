"""The low band as it is, and above it what a network makes of spectra: whole files and streams.

Interpolation and upper bins are made apart and added. Up to `passed` of the low Nyquist frequency
the output is the interpolated input, whatever the network says, but for what the synthesis window
spreads of the bins above: 63 to 74 dB below the signal where these are at -20 dB, with random
weights and the windows of the configurations. Known bins that are copied within one transform
would be 2 to 5 dB worse, and cut off anew in every frame.
"""

import math
from collections.abc import Callable, Mapping

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import ANY, SHARE
from tfsr.errors import UserError
from tfsr.layers.convolution import time_of
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.signal.stft import Spectrum
from tfsr.signal.windowed_sinc import WindowedSinc
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.base import GraphStreams, Signature
from tfsr.upsamplers.reconstruction import Loss, Reconstruction
from tfsr.upsamplers.update import Batch

# From the band that is left alone to the first upper bin, in bins of a frame as long as the
# synthesis window. What this spreads beyond them is 43 dB and more below the upper bins together;
# with none between it would be 16.
_BINS_APART = 2

State = dict[str, tf.Tensor]
"""What a stream has been, for what follows: name -> float32 [batch, ...], all sizes fixed.

"input": the last samples that came in. "sum": of frames, what later ones are still added to.
"layer0", "layer1", ...: what the network's layers have seen last.
"""


class Spectral(Reconstruction):
    """Predict the upper bins of each frame from the lower ones, and add them to the interpolation.

    With a causal network it runs on streams too, hop by hop: it is its own `streams`.

    Args:
        network: makes the network when it is called with `outputs`, their number: Spectrum of the
            known bins -> Spectrum of the upper ones, as `UpperBins`.
        input_rate, output_rate: Hz.
        losses: name -> function of (high, estimate), both [batch, time], that gives [batch].
        codec: frames at the output rate; the ratio divides its hop and half its n_fft.
        weights: of the losses in the sum that is minimised; 1 where not given.
        adversarial: discriminators; None: there are none.
        level_db: by how much the upper bins are louder, or softer, than the network predicts them,
            but in training. Softer ones cost LSD and are less of a noise to PESQ.
        passed: share of the low Nyquist frequency up to which the low-rate signal is left alone.
            The upper bins begin two bins, as wide as the synthesis window has them, above it.
        interpolation: brings the low-rate signal to the output rate.
        optimizer: Adam with 1e-3 unless given.

    Attributes:
        delay: output samples by which what `step` gives is later than what `upsample` gives.
        latency: output samples from when one comes in to when it is heard, its hop filling too.

    Raises:
        UserError: frames that the ratio does not divide, or too short for the interpolation.
    """

    training_only = Reconstruction.training_only | {"losses": {}}
    ranges = Reconstruction.ranges | {"level_db": ANY, "passed": SHARE}

    def __init__(
        self,
        network: Callable[..., UpperBins],
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss],
        codec: FrameCodec = FrameCodec(512, 128),
        weights: Mapping[str, float] | None = None,
        adversarial: Adversarial | None = None,
        level_db: float = 0.0,
        passed: float = 0.9,
        interpolation: WindowedSinc = WindowedSinc(),
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        optimizer = optimizer or keras.optimizers.Adam(1e-3)
        super().__init__(input_rate, output_rate, losses, weights, adversarial, optimizer)
        self.codec, self.interpolation = codec, interpolation
        self.level_db, self._gain = level_db, 10 ** (level_db / 20)
        self.frame_rate = output_rate / codec.hop_length
        samples, self.hop = codec.low(self.ratio)
        self.delay = codec.support - codec.hop_length
        self._late = self.delay // self.ratio
        _check_reach(interpolation.reach, self._late)
        self._past = max(samples - self.hop, self._late + interpolation.reach)
        self._past_of_frame = samples - self.hop
        outputs = codec.bins - _first_bin(codec, passed, self.ratio)
        self.network = self.make("network", network, outputs=outputs)
        self.latency_ms = 1000 * self.latency / output_rate if self.network.causal else None
        before, after = self.network.receptive_field
        self.receptive_field = max(
            interpolation.reach,
            before * self.hop + samples - 1,
            after * self.hop + codec.support // self.ratio - 1,
        )

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
        upper, layers = self.network.step(self._known(x), layers)
        upper = self._gain * self.codec.synthesize(upper)
        begun = upper[:, : self.delay] + state["sum"]
        upper = tf.concat([begun, upper[:, self.delay :]], axis=1)
        high = self._interpolated(x) + upper[:, : -self.delay]
        kept = {"input": x[:, -self._past :], "sum": upper[:, -self.delay :]}
        return high, kept | dict(zip(_names(len(layers)), layers, strict=True))

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

    def given(self, batch: Batch) -> tf.Tensor:
        return self.interpolation(batch["low"], self.ratio)

    def widened(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        time = time_of(low)
        x = tf.pad(low, [[0, 0], [self._past, -time % self.hop + self._late]])
        upper = self.codec.synthesize(self.network(self._known(x), training=training))
        if not training:
            upper = self._gain * upper
        high = self._interpolated(x) + upper[:, : -self.delay]
        return high[:, self.delay : self.delay + self.ratio * time]

    def _known(self, x: tf.Tensor) -> Spectrum:
        """The frames that end with each hop after the past."""
        return self.codec.analyze(x[:, self._past - self._past_of_frame :], self.ratio)

    def _interpolated(self, x: tf.Tensor) -> tf.Tensor:
        """As many hops, `delay` late."""
        reach = self.interpolation.reach
        last = time_of(x) - (self._late - reach)
        return self.interpolation.inside(x[:, self._past - self._late - reach : last], self.ratio)


def _names(layers: int) -> list[str]:
    return [f"layer{number}" for number in range(layers)]


def _first_bin(codec: FrameCodec, passed: float, ratio: int) -> int:
    """Of those that are predicted."""
    distance = _BINS_APART * codec.n_fft / codec.support
    return math.ceil(passed * codec.n_fft / (2 * ratio) + distance)


def _check_reach(reach: int, known: int) -> None:
    """Raise UserError unless the interpolation waits no longer than the frames do."""
    if reach > known:
        raise UserError(
            f"WindowedSinc.reach is {reach} input samples, and frames wait for {known} only: "
            "choose a shorter reach or a longer FrameCodec.hop_length"
        )
