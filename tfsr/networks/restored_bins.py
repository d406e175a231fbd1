"""A compact network that restores each frame by a mask and a generated spectrum.

The network estimates the noise in each bin, and the mask is then the gain of Wiener's filter. A
complex factor turns and amplifies what is kept (Williamson et al. 2016, "Complex ratio masking for
monaural speech separation"). Where the input holds nothing of the original, the network adds a
spectrum of its own. Heads like those of AP-BWE (Lu et al. 2024) make it.

Noise is estimated from a moving mean of each bin, by two parts. The trunk sees whole frames, and
convolutions over neighbouring frames and bins see details (as in Tan & Wang 2018, "A convolutional
recurrent neural network for real-time speech enhancement").
"""

import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convnext import normal
from tfsr.layers.streaming import DepthwiseConv1D, StreamingConv2D
from tfsr.networks.spectral_trunk import LARGEST, Seen, SpectralTrunk, State
from tfsr.signal.stft import Spectrum

# Against a division of 0 by 0.
_TINY = 1e-9

# Features come near a variance of 1, by the spread and the mean of log amplitudes of speech.
_SPREAD = 2.0
_USUAL = -2.0

# Of details at first, so that the output is nearly the input.
_SMALL = 0.003


class RestoredBins(SpectralTrunk):
    """Spectrum [batch, frames, outputs] -> Spectrum of the same shape: of the undamaged signal.

    With the defaults and 257 bins: 1,433,809 parameters.

    Args:
        outputs: number of bins, of input and output.
        channels, blocks, kernel, input_kernel, expansion, causal: see `SpectralTrunk`. Noise and
            reverberation last long, so the kernels are long.
        floor_kernel: number of frames of the moving mean.
        widths: channels of the convolutions over frames and bins, each of which halves the bins.
    """

    # Nepers, of the noise relative to the moving mean, and of the generated spectrum to the mean
    # level of a frame. At first the output is nearly the input; with less noise, the gain of most
    # bins would be so near to 1 that it had no gradient.
    initial_noise = -1.5
    initial_level = -5.0

    def __init__(
        self,
        outputs: int,
        channels: int = 160,
        blocks: int = 6,
        kernel: int = 9,
        input_kernel: int = 1,
        expansion: int = 3,
        causal: bool = False,
        floor_kernel: int = 31,
        widths: Sequence[int] = (12, 16, 24, 24),
        name: str | None = None,
    ):
        super().__init__(outputs, channels, blocks, kernel, input_kernel, expansion, causal, name)
        mean = keras.initializers.Constant(1 / floor_kernel)
        self.floor = DepthwiseConv1D(floor_kernel, causal, mean)
        self.narrow = [
            StreamingConv2D(width, (3, 5), 2, causal, activation="gelu") for width in widths
        ]
        self.bins_of = [outputs]
        for _ in widths:
            self.bins_of.append(-(-self.bins_of[-1] // 2))
        self.spread = keras.layers.Dense(self.bins_of[-1] * widths[-1])
        self.widen = [
            StreamingConv2D(width, (1, 3), 1, causal, activation="gelu")
            for width in reversed(widths[:-1])
        ]
        # float32 in mixed precision too, as a network's last layers should be.
        small = keras.initializers.RandomNormal(stddev=_SMALL)
        self.nearby = StreamingConv2D(
            3, (3, 5), 1, causal, kernel_initializer=small, dtype="float32"
        )
        self.noise = keras.layers.Dense(outputs, kernel_initializer=normal(), dtype="float32")
        self.factor_real, self.factor_imag = (
            keras.layers.Dense(outputs, kernel_initializer="zeros", dtype="float32")
            for _ in range(2)
        )
        fields = [layer.receptive_field for layer in (self.floor, *self.narrow)]
        fields += [self.trunk.receptive_field, self.nearby.receptive_field]
        before, after = zip(*fields, strict=True)
        self.receptive_field = sum(before), sum(after)
        self.latency = self.receptive_field[1]

    def call(self, spectrum: Spectrum, training: bool = False) -> Spectrum:
        return self._restored(spectrum, lambda layer, x: layer(x))

    def initial_state(self, batch: int | tf.Tensor = 1) -> State:
        sliding = self.floor, *self.narrow
        first = tuple(layer.initial_state(batch) for layer in sliding)
        return *first, *self.trunk.initial_state(batch), self.nearby.initial_state(batch)

    def step(self, spectrum: Spectrum, state: State) -> tuple[Spectrum, State]:
        states = iter(state)
        after: list[tf.Tensor] = []

        def run(layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
            if layer is self.trunk:
                past = tuple(itertools.islice(states, 1 + len(self.trunk.blocks)))
                y, new = layer.step(x, past)
                after.extend(new)
            else:
                y, new = layer.step(x, next(states))
                after.append(new)
            return y

        return self._restored(spectrum, run), tuple(after)

    def _restored(
        self, spectrum: Spectrum, run: Callable[[keras.layers.Layer, tf.Tensor], tf.Tensor]
    ) -> Spectrum:
        """The output, with a function that runs each layer that sees other frames."""
        seen = Seen.of(spectrum)
        relative = seen.log_amplitude - seen.level
        floor = run(self.floor, relative)
        above = (relative - floor) / _SPREAD
        planes = [tf.stack([relative / _SPREAD, above, seen.real, seen.imag], axis=-1)]
        for layer in self.narrow:
            planes.append(run(layer, planes[-1]))
        parts = relative / _SPREAD, (seen.level - _USUAL) / _SPREAD, floor / _SPREAD
        x = run(self.trunk, tf.concat([*parts, _flat(planes[-1])], axis=-1))
        noise, real, imag = tf.unstack(run(self.nearby, self._details(x, planes)), axis=-1)
        noise = seen.level + floor + self.initial_noise + self.noise(x) + _SPREAD**2 * noise
        kept = spectrum.power / (spectrum.power + tf.exp(2 * tf.minimum(noise, LARGEST)) + _TINY)
        factor = Spectrum(1 + self.factor_real(x) + real, self.factor_imag(x) + imag)
        made = self.generated(x, seen.level)
        return Spectrum(
            kept * (factor.real * spectrum.real - factor.imag * spectrum.imag) + made.real,
            kept * (factor.real * spectrum.imag + factor.imag * spectrum.real) + made.imag,
        )

    def _details(self, x: tf.Tensor, planes: list[tf.Tensor]) -> tf.Tensor:
        """What the trunk says, brought to all bins beside what the first layers saw of them."""
        shape = tf.shape(x)
        wide = self.spread(x)
        wide = tf.reshape(wide, [shape[0], shape[1], self.bins_of[-1], planes[-1].shape[-1]])
        for layer, plane, bins in zip(
            self.widen, planes[-2:0:-1], self.bins_of[-2:0:-1], strict=True
        ):
            wide = layer(tf.concat([_doubled(wide, bins), tf.cast(plane, wide.dtype)], axis=-1))
        wide = _doubled(wide, self.bins_of[0])
        return tf.concat([wide, tf.cast(planes[0], wide.dtype)], axis=-1)


def _flat(planes: tf.Tensor) -> tf.Tensor:
    """[batch, frames, bins, channels] -> [batch, frames, bins * channels]."""
    shape = tf.shape(planes)
    return tf.reshape(planes, [shape[0], shape[1], planes.shape[2] * planes.shape[3]])


def _doubled(planes: tf.Tensor, bins: int) -> tf.Tensor:
    """Every bin twice, cut to so many: [batch, frames, bins, channels]."""
    shape = tf.shape(planes)
    pairs = tf.stack([planes, planes], axis=3)
    doubled = [shape[0], shape[1], 2 * planes.shape[2], planes.shape[3]]
    return tf.reshape(pairs, doubled)[:, :, :bins]
