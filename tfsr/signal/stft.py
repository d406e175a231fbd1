"""The short-time Fourier transform inside a TensorFlow graph."""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfsr.signal import windows
from tfsr.signal.float16_split import FINE_SCALE, split_float16


def stft(
    x: tf.Tensor,
    n_fft: int,
    hop_length: int,
    window_length: int | None = None,
    center: bool = True,
    window: str = "hann",
) -> tf.Tensor:
    """Short-time Fourier transform, the same as `librosa.stft`.

    Args:
        x: float32 [batch, time], any time >= 1, static or not.
        n_fft: samples of a frame, even.
        hop_length: samples from one frame to the next.
        window_length: of the periodic window. If it is shorter than `n_fft` (the default), the
            window is in the middle of the frame.
        center: True puts the middle of frame t at sample t * hop_length, with the signal mirrored
            at both ends. A signal of no more than n_fft / 2 samples is first lengthened with zeros
            to n_fft / 2 + 1. False begins frame t at that sample, and gives no frame where the
            time is shorter than `n_fft`.
        window: see `tfsr.signal.windows`.

    Returns:
        complex64 [batch, frames, n_fft / 2 + 1] with 1 + time // hop_length frames for a centred
        transform of a signal longer than n_fft / 2.
    """
    weights = _window(n_fft, window_length or n_fft, window)
    if center:
        x = mirror_ends(x, n_fft // 2)
    frames = tf.signal.frame(x, n_fft, hop_length)
    return tf.signal.rfft(frames * weights)


def mirror_ends(x: tf.Tensor, samples: int) -> tf.Tensor:
    """[batch, time], extended by `samples` mirrored samples at both ends; zeros pad short ones."""
    missing = tf.maximum(samples + 1 - tf.shape(x)[1], 0)
    x = tf.pad(x, [[0, 0], [0, missing]])
    return tf.pad(x, [[0, 0], [samples, samples]], "REFLECT")


@functools.lru_cache
def _window(n_fft: int, window_length: int, name: str = "hann") -> np.ndarray:
    before = (n_fft - window_length) // 2
    weights = windows.window(name, window_length)
    return np.pad(weights, (before, n_fft - window_length - before)).astype(np.float32)


class Spectrum(NamedTuple):
    """Real and imaginary part, float32 [batch, frames, bins] each.

    They are separate because TensorFlow Lite has few operations on complex numbers.
    """

    real: tf.Tensor
    imag: tf.Tensor

    @classmethod
    def of(cls, spectrum: tf.Tensor) -> "Spectrum":
        """The parts of a complex tensor."""
        return cls(tf.math.real(spectrum), tf.math.imag(spectrum))

    @property
    def power(self) -> tf.Tensor:
        """Squares of the absolute values."""
        return tf.square(self.real) + tf.square(self.imag)


@dataclasses.dataclass(frozen=True)
class HammingStft:
    """A short-time Fourier transform of the whole signal that can be inverted exactly.

    Every sample is in n_fft / hop_length frames, also at both ends. For this, zeros surround the
    signal, and frame 0 ends with its first `hop_length` samples. The window is a periodic Hamming
    window, scaled so that the windows add up to 1 at every sample.

    Args:
        n_fft: samples of a frame, a power of two (what TensorFlow Lite can transform).
        hop_length: samples from one frame to the next; divides n_fft / 2.
    """

    n_fft: int
    hop_length: int

    def __call__(self, x: tf.Tensor) -> Spectrum:
        """[batch, time] -> [batch, ceil(time / hop) + n_fft / hop - 1, n_fft / 2 + 1], any time."""
        frames = self._frames(x)
        coarse, fine = _hamming(self.n_fft, self.hop_length)
        spectrum = tf.signal.rfft(frames * coarse + frames * fine / FINE_SCALE)
        return Spectrum.of(spectrum)

    def inverse(self, spectrum: Spectrum) -> tf.Tensor:
        """The signal, lengthened by zeros at its end: [batch, ceil(time / hop) * hop].

        Frames are summed as they are, without a second window.
        """
        margin = self.n_fft - self.hop_length
        return overlap_add(irfft(spectrum), self.hop_length)[:, margin:-margin]

    def _frames(self, x: tf.Tensor) -> tf.Tensor:
        time = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        margin = self.n_fft - self.hop_length
        x = tf.pad(x, [[0, 0], [margin, margin + -time % self.hop_length]])
        return tf.signal.frame(x, self.n_fft, self.hop_length)


def istft(
    spectrum: Spectrum,
    hop_length: int,
    time: int | tf.Tensor,
    window_length: int | None = None,
) -> tf.Tensor:
    """Inverse of the centred `stft`.

    Windowed frames are summed and divided by the sum of the squared windows present, also at the
    ends. So an unchanged spectrum gives the signal back, to about 1e-7 of its peak.

    Args:
        spectrum: [batch, frames, n_fft / 2 + 1].
        hop_length: samples from one frame to the next, at most half of a window.
        time: less than frames * hop_length, as in the transform of the signal.
        window_length: the one used in that transform.

    Returns:
        float32 [batch, time].
    """
    margin = spectrum.real.shape[-1] - 1
    window = _window(2 * margin, window_length or 2 * margin)
    frames = irfft(spectrum) * window
    squares = tf.ones_like(frames[:1, :, :1]) * np.square(window)
    signal, envelope = (
        overlap_add(_in_whole_hops(x, hop_length), hop_length)[:, margin : margin + time]
        for x in (frames, squares)
    )
    return signal / envelope


def _in_whole_hops(frames: tf.Tensor, hop_length: int) -> tf.Tensor:
    """Frames lengthened with zeros to a multiple of the hop."""
    return tf.pad(frames, [[0, 0], [0, 0], [0, -frames.shape[2] % hop_length]])


def overlap_add(frames: tf.Tensor, hop_length: int) -> tf.Tensor:
    """Sum frames that begin `hop_length` samples after one another.

    Args:
        frames: float32 [batch, frames, length]; `hop_length` divides the length.

    Returns:
        float32 [batch, (frames - 1) * hop_length + length].
    """
    parts = tf.split(frames, frames.shape[2] // hop_length, axis=2)
    last = len(parts) - 1
    # Padded and added two by two: LiteRT 2 refuses empty pieces of a concatenation, and add_n.
    late = [tf.pad(part, [[0, 0], [n, last - n], [0, 0]]) for n, part in enumerate(parts)]
    return tf.reshape(functools.reduce(tf.add, late), [tf.shape(frames)[0], -1])


def irfft(spectrum: Spectrum) -> tf.Tensor:
    """Inverse of `tf.signal.rfft`: [..., n / 2 + 1] -> float32 [..., n], n >= 4.

    TensorFlow Lite has only the forward transform, of real numbers. It gives the discrete Hartley
    transform, which is its own inverse up to the factor n. A product with a matrix would lose
    precision where an exported file has its weights in float16.
    """
    real, imag = spectrum
    # The two ends are real.
    inner = np.array([0.0] + [1.0] * (real.shape[-1] - 2) + [0.0], np.float32)
    transformed = tf.signal.rfft(_hartley(real, imag * inner))
    n_fft = 2 * (real.shape[-1] - 1)
    return _hartley(tf.math.real(transformed), tf.math.imag(transformed)) / n_fft


def _hartley(real: tf.Tensor, imag: tf.Tensor) -> tf.Tensor:
    """The n values of the Hartley transform, from the n / 2 + 1 of a real signal's Fourier one."""
    return tf.concat([real - imag, tf.reverse((real + imag)[..., 1:-1], [-1])], axis=-1)


@functools.lru_cache
def _hamming(n_fft: int, hop_length: int) -> tuple[np.ndarray, np.ndarray]:
    """The scaled window, split for float16."""
    return split_float16(windows.window("hamming", n_fft) * hop_length / (0.54 * n_fft))
