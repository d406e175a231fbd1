"""WSRGlow, a normalising flow between a waveform and noise (Zhang, Ren, Xu & Zhao 2021).

"WSRGlow: A Glow-based waveform generative model for audio super-resolution", Interspeech 2021. The
flow is conditioned on the low-rate signal. Layer sizes, initial weights and wiring are those of the
authors' code. Its groups have 16 samples, the paper's have 8. The companding is the paper's; that
of the code is `companding.sign_only`. 173,202,792 parameters at ratio 2.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT, WHOLE
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.bijectors import (
    AffineCoupling,
    Chain,
    InvertibleConvolution,
    forward_with_log_dets,
    invert,
)
from tfsr.layers.code_embedding import CodeEmbedding, Unembedded
from tfsr.layers.convolution import pad_to_multiple, time_of
from tfsr.layers.subpixel import subpixel, superpixel
from tfsr.layers.wavenet import WaveNet
from tfsr.signal.companding import MuLaw, quantize
from tfsr.signal.stft import stft

Tensors = dict[str, tf.Tensor]

_WAVEFORM_CODES = 256
_PHASE_CODES = 120
_ROUNDING = 1e-6


class WSRGlow(Describable, keras.Model):
    """A waveform in groups of `group` samples <-> noise, float32 [batch, groups, group].

    Upsampling takes any length: the last group is filled with zeros.

    Args:
        ratio: output rate / input rate.
        group: output samples in a group; even, a multiple of `ratio`. The paper's ratios 2 and 4
            have 16. At ratio 3, 24 keeps the 8 input samples that a group has at ratio 2.
        flows: number of steps, each a 1x1 convolution and a coupling.
        early_every: after this number of steps, each time, `early_channels` more channels are
            output as noise.
        early_channels: even; 0 for none.
        layers: of a coupling network, with dilations 1, 2, 4, ...
        channels: of a coupling network.
        waveform_embedding: size of the vector of each input sample; 400 in the authors' code.
        phase_embedding: size of the vector of each phase.
        magnitude: whether the condition has the magnitudes of the low-rate spectrum.
        phase: whether the condition has the spectrum's phases. Without both there is no STFT
            encoder.
        companding: maps samples to [-1, 1], before they become 256 codes.
        convolution: channels -> bijector; `LuInvertibleConvolution` is the alternative.

    Attributes:
        hop: input samples in a group.
        condition_field: input samples on each side that `condition` depends on.
        receptive_field: input samples on each side that an output sample of one step depends on.

    Raises:
        UserError: sizes do not fit each other.
    """

    ranges = {
        **dict.fromkeys(("ratio", "group", "flows", "early_every", "layers"), COUNT),
        **dict.fromkeys(("channels", "waveform_embedding", "phase_embedding"), COUNT),
        "early_channels": WHOLE,
    }

    def __init__(
        self,
        ratio: int = 2,
        group: int = 16,
        flows: int = 12,
        early_every: int = 4,
        early_channels: int = 2,
        layers: int = 8,
        channels: int = 256,
        waveform_embedding: int = 256,
        phase_embedding: int = 50,
        magnitude: bool = True,
        phase: bool = True,
        companding: Callable[[tf.Tensor], tf.Tensor] = MuLaw(256.0),
        convolution: Callable[[int], keras.layers.Layer] = InvertibleConvolution,
        name: str | None = None,
    ):
        # float32 in mixed precision too: the waveform must come back from the noise.
        super().__init__(name=name, dtype="float32")
        _check(ratio, group, flows, early_every, early_channels)
        self.ratio = ratio
        self.group = group
        self.hop = group // ratio
        self.encoder = LowRateEncoder(
            self.hop, waveform_embedding, phase_embedding, magnitude, phase, companding
        )
        self.steps = []
        for flow in range(flows):
            early = flow // early_every * early_channels
            network = WaveNet(
                (group - early) // 2, self.encoder.features, group - early, layers, channels
            )
            self.steps.append(FlowStep(early, network, convolution(group - early)))
        # The frames of the STFT, which reach into the group before, enter after one convolution.
        self.condition_field = 2 * self.hop
        self.receptive_field = network.receptive_field * self.hop + self.hop - 1

    def condition(self, low: tf.Tensor) -> Tensors:
        """The condition of all steps: a few numbers for each sample of the low-rate signal.

        Args:
            low: float32 [batch, time], any time >= 1.

        Returns:
            float32 [batch, ceil(time / hop), ...] by name.
        """
        return self.encoder.encode(low)

    def forward(self, high: tf.Tensor, condition: Tensors) -> tuple[tf.Tensor, Tensors]:
        """Noise from a waveform, for training.

        Args:
            high: float32 [batch, time], at least a group. Samples after the last whole group, and
                their condition, are not used.
            condition: output of `condition` for high's low-rate signal.

        Returns:
            float32 [batch, time // group, group], which is standard normal under the model. By the
            names "convolution" and "coupling", float32 [batch]: the two parts of the logarithm of
            the Jacobian's absolute determinant, of all samples and steps.
        """
        groups = time_of(high) // self.group
        x = superpixel(tf.expand_dims(high[:, : groups * self.group], -1), self.group)
        features = self.encoder(_first_groups(condition, groups))
        log_dets = []
        for step in self.steps:
            x, terms = step.forward(x, features)
            log_dets.append(terms)
        convolution, coupling = (tf.add_n(terms) for terms in zip(*log_dets, strict=True))
        return x, {"convolution": convolution, "coupling": coupling}

    def call(self, high: tf.Tensor, condition: Tensors) -> tuple[tf.Tensor, Tensors]:
        return self.forward(high, condition)

    def inverse(self, z: tf.Tensor, condition: Tensors) -> tf.Tensor:
        """A waveform from noise, [batch, groups, group] -> float32 [batch, groups * group]."""
        for flow in reversed(range(len(self.steps))):
            z = self.inverse_step(flow, z, condition)
        return self.waveform(z)

    def inverse_step(
        self, flow: int, x: tf.Tensor, condition: Tensors, tables: list[Tensors] | None = None
    ) -> tf.Tensor:
        """One step back from noise to waveform; the last step of the flow is inverted first.

        Args:
            flow: number of the step in the forward direction, from 0.
            x: float32 [batch, groups, group], noise or the output of the step inverted before.
            condition: output of `condition`; groups that `x` does not have are not used.
            tables: output of `tables` for this step and its present weights. With them, the
                condition's projection is read instead of computed, which is most of the work.

        Returns:
            float32 [batch, groups, group].
        """
        step, condition = self.steps[flow], _first_groups(condition, time_of(x))
        if tables is None:
            conditions = step.network.project(self.encoder(condition))
        else:
            conditions = [self.encoder.look_up(condition, layer) for layer in tables]
        return step.inverse(x, conditions)

    def tables(self, flow: int) -> list[Tensors]:
        """For `inverse_step`: all possible inputs of the projection, times its kernel, per layer.

        Making the tables costs as much as projecting about 600 groups. So it pays to make them
        anew where more groups than that follow. At ratio 2 they take 51 MB.
        """
        network = self.steps[flow].network
        kernels = network.for_layers(network.projection.normalized_kernel[0])
        biases = network.for_layers(network.projection.bias)
        pairs = zip(kernels, biases, strict=True)
        return [self.encoder.tables(kernel, bias) for kernel, bias in pairs]

    def groups(self, samples: tf.Tensor) -> tf.Tensor:
        """[batch, time] -> [batch, ceil(time / group), group]."""
        return superpixel(pad_to_multiple(tf.expand_dims(samples, -1), self.group), self.group)

    def waveform(self, groups: tf.Tensor) -> tf.Tensor:
        """[batch, groups, group] -> [batch, groups * group]."""
        return tf.squeeze(subpixel(groups, self.group), -1)


class LowRateEncoder(keras.layers.Layer):
    """Companded samples and the spectrum of the low-rate signal, for each group of `hop` samples.

    Args: as in `WSRGlow`; `hop` input samples are a group.

    Attributes:
        features: number of features for each group.
    """

    def __init__(
        self,
        hop: int,
        waveform_embedding: int,
        phase_embedding: int,
        magnitude: bool,
        phase: bool,
        companding: Callable[[tf.Tensor], tf.Tensor],
    ):
        super().__init__(autocast=False)
        self.hop = hop
        self.companding = companding
        self.parts = {"waveform": CodeEmbedding(_WAVEFORM_CODES, waveform_embedding, "embedding")}
        if magnitude:
            self.parts["magnitude"] = Unembedded()
        if phase:
            self.parts["phase"] = CodeEmbedding(_PHASE_CODES, phase_embedding)
        positions = {"waveform": hop, "magnitude": hop + 1, "phase": hop + 1}
        self._widths = [positions[name] * part.size for name, part in self.parts.items()]
        self.features = sum(self._widths)

    def encode(self, low: tf.Tensor) -> Tensors:
        """Codes and magnitudes, float32 [batch, ceil(time / hop), hop or hop + 1] each."""
        low = pad_to_multiple(tf.expand_dims(low, -1), self.hop)
        codes = quantize(self.companding(low), _WAVEFORM_CODES)
        encoded = {"waveform": superpixel(codes, self.hop)}
        if len(self.parts) > 1:
            # Frame t begins a group before group t and ends with it; there is one more.
            spectrum = stft(low[..., 0], 2 * self.hop, self.hop)
            magnitude = tf.abs(spectrum)
            encoded |= {"magnitude": magnitude, "phase": _phase_codes(spectrum, magnitude)}
        groups = time_of(encoded["waveform"])
        return _first_groups({name: encoded[name] for name in self.parts}, groups)

    def call(self, encoded: Tensors) -> tf.Tensor:
        """Map the output of `encode` to [batch, groups, features]."""
        return tf.concat([part(encoded[name]) for name, part in self.parts.items()], axis=-1)

    def tables(self, kernel: tf.Tensor, bias: tf.Tensor) -> Tensors:
        """The tables of `look_up` for a kernel [features, outputs] and a bias [outputs]."""
        pairs = zip(self.parts.items(), tf.split(kernel, self._widths), strict=True)
        return {name: part.tables(rows) for (name, part), rows in pairs} | {"bias": bias}

    def look_up(self, encoded: Tensors, tables: Tensors) -> tf.Tensor:
        """`call`'s features times the kernel, plus the bias, [batch, groups, outputs]."""
        terms = [part.look_up(encoded[name], tables[name]) for name, part in self.parts.items()]
        return tf.add_n(terms) + tables["bias"]


class FlowStep(keras.layers.Layer):
    """A 1x1 convolution and a coupling of all but the first `early` channels.

    The early channels are noise already, and stay in their place.
    """

    def __init__(self, early: int, network: WaveNet, convolution: keras.layers.Layer):
        super().__init__(dtype="float32")
        self.early = early
        self.network = network
        self.convolution = convolution

    def forward(self, x: tf.Tensor, features: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step towards the noise, and the log-determinants [batch] of its two parts."""
        chain, arguments = self._chain(self.network.project(features))
        y, log_dets = forward_with_log_dets(chain, x[..., self.early :], **arguments)
        return self._beside_noise(x, y), log_dets

    def inverse(self, y: tf.Tensor, conditions: list[tf.Tensor]) -> tf.Tensor:
        """One step towards the waveform, given the outputs of the network's `project`."""
        chain, arguments = self._chain(conditions)
        x = invert(chain, y[..., self.early :], **arguments)
        return self._beside_noise(y, x)

    def _beside_noise(self, before: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        # LiteRT 2.3 gives all channels for a slice of none, where the time is unknown (XNNPACK).
        if not self.early:
            return made
        return tf.concat([before[..., : self.early], made], axis=-1)

    def _chain(self, conditions: list[tf.Tensor]) -> tuple[Chain, dict[str, dict]]:
        """Both bijectors, and their conditions.

        They are made anew for each call. Keras looks for weights through bijectors, one Python
        attribute after the other. As an attribute with weights they would cost seconds.
        """
        coupling = AffineCoupling(self.network)
        return Chain([coupling, self.convolution]), {coupling.name: {"conditions": conditions}}


def _phase_codes(spectrum: tf.Tensor, magnitude: tf.Tensor) -> tf.Tensor:
    """Phases in (-pi, pi] -> codes of 3 degrees each; silence has phase 0.

    A real number has phase 0 or pi, whatever rounding leaves in its imaginary part. The first frame
    is symmetric, so its spectrum is real. -pi and pi have the codes farthest apart.
    """
    real, imag = tf.math.real(spectrum), tf.math.imag(spectrum)
    least = _ROUNDING * tf.reduce_max(magnitude, axis=-1, keepdims=True)
    real, imag = (tf.where(tf.abs(part) <= least, 0.0, part) for part in (real, imag))
    return quantize(tf.atan2(imag, real) / np.pi, _PHASE_CODES)


def _first_groups(condition: Tensors, groups: int | tf.Tensor) -> Tensors:
    return {name: values[:, :groups] for name, values in condition.items()}


def _check(ratio: int, group: int, flows: int, early_every: int, early_channels: int) -> None:
    if group % 2 or group % ratio:
        raise UserError(
            f"WSRGlow.group is {group}: at ratio {ratio} it must be a multiple of "
            f"{ratio if ratio % 2 == 0 else 2 * ratio}"
        )
    if early_channels % 2:
        raise UserError(f"WSRGlow.early_channels is {early_channels}: it must be even")
    early = (flows - 1) // early_every * early_channels
    if early >= group:
        raise UserError(
            f"WSRGlow.early_channels is {early_channels}: {early} of the {group} channels of a "
            f"group would be noise before the last of {flows} flows; at least 2 must remain"
        )
