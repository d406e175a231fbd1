"""Analysis of a signal into frames of bins, and synthesis, for causal systems.

Frame t ends with hop t of the signal. The processed frame is added to the signal's last `support`
samples only. So a sample is ready when at most `support` samples have come in since the start of
its hop. The window before them may be of any length.

Both transforms are products with constant matrices, which include the windows. TensorFlow Lite has
no inverse transform, and its forward transform is for powers of two only. The matrices have only
the bins that are needed. So they cost no more than the layers of a small network.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from tfsr.arguments import COUNT, check
from tfsr.errors import UserError
from tfsr.signal.stft import Spectrum, overlap_add


@dataclass(frozen=True)
class FrameCodec:
    """Analysis and synthesis windows that reconstruct a signal exactly, without a division.

    Symmetric: both windows are the square root of a Hann window. Asymmetric: the analysis window
    rises over the frame's first n_fft - hop samples and falls over its last hop. The synthesis
    window is a Hann window on the last two hops, divided by the analysis window. So the resolution
    is that of a long frame, and the delay that of a short one (Mauler & Martin 2007, "A low delay,
    variable resolution, perfect reconstruction spectral analysis-synthesis system").

    Args:
        n_fft: samples of a frame, even.
        hop_length: samples from one frame to the next, at most half of `n_fft`. If symmetric, it
            must divide `n_fft`.
        asymmetric: see above.

    Raises:
        UserError: the hop is not allowed.
    """

    n_fft: int
    hop_length: int
    asymmetric: bool = False

    def __post_init__(self):
        check("FrameCodec", vars(self), dict.fromkeys(("n_fft", "hop_length"), COUNT))
        whole = self.asymmetric or self.n_fft % self.hop_length == 0
        if self.n_fft % 2 or self.n_fft < 2 * self.hop_length or not whole:
            raise UserError(
                f"FrameCodec.hop_length is {self.hop_length} and n_fft {self.n_fft}: n_fft must be "
                "even and at least two hops, and a multiple of the hop unless asymmetric=True"
            )

    @property
    def support(self) -> int:
        """Samples of the synthesis window: the samples of a frame that affect the signal."""
        return 2 * self.hop_length if self.asymmetric else self.n_fft

    @property
    def latency(self) -> int:
        """Latency in samples from a sample's arrival to its output; its hop must fill too."""
        return self.support

    @property
    def bins(self) -> int:
        """Number of bins of a frame."""
        return self.n_fft // 2 + 1

    def low(self, ratio: int) -> tuple[int, int]:
        """Samples of a frame and of a hop for a signal at a `ratio` times lower rate.

        Raises:
            UserError: they are not whole numbers.
        """
        if self.hop_length % ratio or self.n_fft % (2 * ratio):
            raise UserError(
                f"FrameCodec: n_fft {self.n_fft} and hop_length {self.hop_length} cannot be had at "
                f"a {ratio} times lower rate: choose multiples of {2 * ratio} and {ratio}"
            )
        return self.n_fft // ratio, self.hop_length // ratio

    def analyze(self, x: tf.Tensor, ratio: int = 1) -> Spectrum:
        """The frames of a signal, which may be at a lower rate than the codec's.

        Args:
            x: float32 [batch, time], at a `ratio` times lower rate. The signal's first frame
                begins n_fft - hop_length zeros before it.
            ratio: of the rates. The bins equal the lowest bins at the codec's rate, if the signal
                there has nothing above them. There are n_fft / (2 * ratio) + 1 of them.

        Returns:
            [batch, frames, n_fft / (2 * ratio) + 1].
        """
        samples, hop = self.low(ratio)
        kernel = _analysis(self, ratio)
        if hop % 2:
            return _products(x, kernel, hop)
        # Two waves as far from the middle of the spectrum are alike in even samples of a frame, and
        # opposite in odd ones: half of the waves tell the rest.
        half = samples // 4 + 1
        time = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        pairs = tf.reshape(x[:, : time // 2 * 2], [-1, time // 2, 2])
        even, odd = (_products(pairs[..., n], kernel[n::2, :half], hop // 2) for n in (0, 1))
        mirrored = samples // 2 - samples // 4
        real, imag = (
            tf.concat([a + b, tf.reverse(sign * (a - b)[..., :mirrored], [-1])], axis=-1)
            for sign, a, b in zip((1, -1), even, odd, strict=True)
        )
        return Spectrum(real, imag)

    def synthesize(self, spectrum: Spectrum) -> tf.Tensor:
        """The sum of frames, each windowed once more.

        Args:
            spectrum: [batch, frames, up to `bins`], the highest bins; the lower bins are 0.

        Returns:
            float32 [batch, (frames - 1) * hop_length + support]. The first hop of the signal
            begins after support - hop_length samples.
        """
        cosines, sines = self._half(spectrum.real, "cosines"), self._half(spectrum.imag, "sines")
        # A cosine is the same backwards and a sine the negative: half of a frame tells the other.
        mirrored = tf.reverse((cosines - sines)[..., 1 : self.n_fft // 2], [-1])
        frames = tf.concat([cosines + sines, mirrored], axis=-1)
        window = np.float32(_windows(self)[1])
        return overlap_add(frames[..., self.n_fft - self.support :] * window, self.hop_length)

    def _half(self, values: tf.Tensor, waves: Literal["cosines", "sines"]) -> tf.Tensor:
        """The sum of one kind of waves over half a frame, [..., bins] -> [..., n_fft / 2 + 1].

        From the middle of the half backwards, waves repeat those before the middle: even bins
        with one sign, odd bins with the other. So a quarter of a frame determines the rest.
        """
        first, second = (
            tf.matmul(values[..., start::2], wave)
            for start, wave in enumerate(_waves(self, values.shape[-1])[waves])
        )
        begins_even = (self.bins - values.shape[-1]) % 2 == 0
        even, odd = (first, second) if begins_even else (second, first)
        rest = even - odd if waves == "cosines" else odd - even
        count = self.n_fft // 2 - self.n_fft // 4
        return tf.concat([even + odd, tf.reverse(rest[..., :count], [-1])], axis=-1)


@functools.lru_cache
def _windows(codec: FrameCodec) -> tuple[np.ndarray, np.ndarray]:
    """Windows of the analysis [n_fft] and of the synthesis [support]."""
    n_fft, hop = codec.n_fft, codec.hop_length
    if not codec.asymmetric:
        window = _rise(n_fft // 2)
        window = np.concatenate([window, window[::-1]])
        return window, window * 2 * hop / n_fft
    rise, fall = _rise(n_fft - hop), _rise(hop)[::-1]
    analysis = np.concatenate([rise, fall])
    hann = np.square(np.concatenate([fall[::-1], fall]))
    return analysis, hann / analysis[-2 * hop :]


def _rise(samples: int) -> np.ndarray:
    """A quarter of a sine, the square root of half a Hann window, taken between the samples."""
    return np.sin(np.pi / 2 * (np.arange(samples) + 0.5) / samples)


def _products(x: tf.Tensor, kernel: np.ndarray, hop: int) -> Spectrum:
    """[batch, time] and a complex kernel [frame, bins] -> Spectrum [batch, frames, bins]."""
    parts = np.concatenate([kernel.real, kernel.imag], axis=1)[:, np.newaxis].astype(np.float32)
    return Spectrum(*tf.split(tf.nn.conv1d(tf.expand_dims(x, -1), parts, hop, "VALID"), 2, -1))


@functools.lru_cache
def _analysis(codec: FrameCodec, ratio: int) -> np.ndarray:
    """Complex waves times the window, [n_fft / ratio, bins]."""
    samples, _ = codec.low(ratio)
    window = ratio * _windows(codec)[0][::ratio]
    phases = np.outer(np.arange(samples), np.arange(samples // 2 + 1)) / samples
    return window[:, np.newaxis] * np.exp(-2j * np.pi * phases)


@functools.lru_cache
def _waves(codec: FrameCodec, bins: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The highest bins' cosines and sines over a quarter of a frame.

    For each, first the first, third, ... bin, then the others, both [bins, n_fft / 4 + 1].
    """
    n_fft = codec.n_fft
    numbers = np.arange(codec.bins - bins, codec.bins)
    # Those between the two ends of the spectrum stand for their mirror images too.
    share = np.where(numbers % (n_fft // 2), 2, 1)[:, np.newaxis] / n_fft
    waves = share * np.exp(2j * np.pi * np.outer(numbers, np.arange(n_fft // 4 + 1)) / n_fft)
    kinds = {"cosines": waves.real, "sines": -waves.imag}
    return {
        name: (wave[::2].astype(np.float32), wave[1::2].astype(np.float32))
        for name, wave in kinds.items()
    }
