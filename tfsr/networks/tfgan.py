"""The vocoder of VoiceFixer: the generator of TFGAN at 44.1 kHz.

Tian, Chen, Zhang, Cao & Liu 2020, "TFGAN: Time and frequency domain based generative adversarial
network for high-fidelity speech synthesis". Layer sizes and wiring are those that VoiceFixer's
authors published (Liu et al. 2022). Their code has a 1x1 convolution beside each transposed one,
whose output is not used; it is left out here.
"""

import math
from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.layers.convolution import Conv1D, fan_in_uniform
from tfsr.layers.weight_norm import WeightNormConv1D, WeightNormConv1DTranspose

_CONDITION_LAYERS = 5
_CONDITION_KERNEL = 3
_OUTER_KERNEL = 7
_UNIT_KERNEL = 3
_UNIT_SLOPE = 0.01
_STAGE_SLOPE = 0.2


class TFGAN(Describable, keras.Model):
    """[batch, frames, bands], from `signal.mel.vocoder_condition` -> [batch, frames * hop, 1].

    At least 4 frames; the output is in [-1, 1]. With the defaults: 33,165,185 parameters,
    and 20,865 gains of the weight normalisation.

    Args:
        bands: of the mel spectrogram.
        condition: channels of the convolutions over frames.
        channels: before the first stage, and after each stage.
        strides: upsampling factor of each stage.
        units: number of residual units of each stage, with dilations 1, 3, 9, ...
        weight_norm: whether all convolutions are weight-normalised.

    Attributes:
        hop, ratio: samples for each frame, the product of the strides, 441.
        receptive_field: frames on each side that the samples of a frame depend on, 576 (5.8 s):
            each stage reaches 3288 samples at its own rate.
    """

    ranges = dict.fromkeys(("bands", "condition", "channels", "strides", "units"), COUNT)

    def __init__(
        self,
        bands: int = 128,
        condition: int = 512,
        channels: Sequence[int] = (1024, 512, 256, 128, 64),
        strides: Sequence[int] = (7, 7, 3, 3),
        units: Sequence[int] = (8, 8, 8, 8),
        weight_norm: bool = True,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.hop = self.ratio = math.prod(strides)
        self.receptive_field = _receptive_field(strides, units)
        self.condition_net = [
            _conv(inputs, condition, _CONDITION_KERNEL, weight_norm, activation="elu")
            for inputs in (bands, *[condition] * (_CONDITION_LAYERS - 1))
        ]
        self.first = OuterConv(condition, channels[0], weight_norm)
        pairs = zip(channels[:-1], channels[1:], strict=True)
        self.stages = [
            Stage(*pair, stride, depth, weight_norm)
            for pair, stride, depth in zip(pairs, strides, units, strict=True)
        ]
        # float32 in mixed precision too, as a network's last layer should be.
        self.last = OuterConv(channels[-1], 1, weight_norm, dtype="float32")

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        for convolution in self.condition_net:
            x = convolution(x)
        x = self.first(x)
        for stage in self.stages:
            x = stage(tf.nn.leaky_relu(x, _STAGE_SLOPE))
        return tf.tanh(self.last(tf.nn.leaky_relu(x, _STAGE_SLOPE)))


class Stage(keras.layers.Layer):
    """[batch, time, inputs] -> [batch, time * stride, filters]."""

    def __init__(self, inputs: int, filters: int, stride: int, units: int, weight_norm: bool):
        super().__init__()
        self.up = Upsample(inputs, filters, stride, weight_norm)
        self.units = [ResidualUnit(filters, 3**unit, weight_norm) for unit in range(units)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = self.up(x)
        for unit in self.units:
            x = unit(x)
        return x


class Upsample(keras.layers.Layer):
    """A transposed convolution of x + sin(x); its kernel is twice as long as its stride."""

    def __init__(self, inputs: int, filters: int, stride: int, weight_norm: bool):
        super().__init__()
        self.stride = stride
        kind = WeightNormConv1DTranspose if weight_norm else keras.layers.Conv1DTranspose
        # PyTorch takes the outputs of a transposed convolution for its inputs.
        initializers = _initializers(filters * 2 * stride)
        self.convolution = kind(filters, 2 * stride, stride, **initializers)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.convolution(x + tf.sin(x))  # one stride too long
        return y[:, _cut_before(self.stride) : -(self.stride // 2)]


class ResidualUnit(keras.layers.Layer):
    """A dilated and an ordinary convolution after activations, added to the input."""

    def __init__(self, channels: int, dilation: int, weight_norm: bool):
        super().__init__()
        self.dilated = _conv(channels, channels, _UNIT_KERNEL, weight_norm, dilation_rate=dilation)
        self.plain = _conv(channels, channels, _UNIT_KERNEL, weight_norm)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.dilated(tf.nn.leaky_relu(x, _UNIT_SLOPE))
        return x + self.plain(tf.nn.leaky_relu(y, _UNIT_SLOPE))


class OuterConv(keras.layers.Layer):
    """A convolution of the signal mirrored at its ends."""

    def __init__(self, inputs: int, filters: int, weight_norm: bool, **options):
        super().__init__(**options)
        self.convolution = _conv(
            inputs, filters, _OUTER_KERNEL, weight_norm, padding="valid", **options
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        margin = _OUTER_KERNEL // 2
        return self.convolution(tf.pad(x, [[0, 0], [margin, margin], [0, 0]], "REFLECT"))


def _conv(inputs: int, filters: int, kernel: int, weight_norm: bool, **options) -> Conv1D:
    kind = WeightNormConv1D if weight_norm else Conv1D
    return kind(filters, kernel, **options, **_initializers(inputs * kernel))


def _initializers(fan_in: int) -> dict[str, keras.initializers.Initializer]:
    """PyTorch's default initialisers."""
    return {f"{name}_initializer": fan_in_uniform(fan_in) for name in ("kernel", "bias")}


def _cut_before(stride: int) -> int:
    """Number of samples to cut from the beginning of the transposed convolution's output."""
    return stride - stride // 2


def _receptive_field(strides: Sequence[int], units: Sequence[int]) -> int:
    """Largest distance that the first and the last sample of frame 0 depend on."""
    margin = _OUTER_KERNEL // 2
    first, last = -margin, math.prod(strides) - 1 + margin
    for stride, depth in zip(reversed(strides), reversed(units), strict=True):
        reach = sum(3**unit + 1 for unit in range(depth))
        cut = _cut_before(stride)
        # Sample i of the input makes the samples i * stride - cut and 2 * stride - 1 after it.
        first = -(-(first - reach + cut - 2 * stride + 1) // stride)
        last = (last + reach + cut) // stride
    return max(-first, last) + margin + _CONDITION_LAYERS * (_CONDITION_KERNEL // 2)
