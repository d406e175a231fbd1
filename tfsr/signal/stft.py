"""The short-time Fourier transform inside a TensorFlow graph."""

import functools

import numpy as np
import scipy.signal
import tensorflow as tf


def stft(
    x: tf.Tensor,
    n_fft: int,
    hop_length: int,
    window_length: int | None = None,
    center: bool = True,
) -> tf.Tensor:
    """Short-time Fourier transform, the same as `librosa.stft`.

    Args:
        x: float32 [batch, time], any time >= 1, static or not.
        n_fft: samples of a frame, even.
        hop_length: samples from one frame to the next.
        window_length: of the periodic Hann window, which stands in the middle of the frame where
            it is shorter than `n_fft` (the default).
        center: True puts the middle of frame t at sample t * hop_length, the signal being
            mirrored at both ends; one too short for that, of no more than n_fft / 2 samples, is
            first lengthened with zeros to n_fft / 2 + 1. False begins frame t at that sample and
            has no frame where the time is shorter than `n_fft`.

    Returns:
        complex64 [batch, frames, n_fft / 2 + 1] with 1 + time // hop_length frames for a centred
        transform of a signal longer than n_fft / 2.
    """
    window = _window(n_fft, window_length or n_fft)
    if center:
        x = _mirror_ends(x, n_fft // 2)
    frames = tf.signal.frame(x, n_fft, hop_length)
    return tf.signal.rfft(frames * window)


def _mirror_ends(x: tf.Tensor, samples: int) -> tf.Tensor:
    missing = tf.maximum(samples + 1 - tf.shape(x)[1], 0)
    x = tf.pad(x, [[0, 0], [0, missing]])
    return tf.pad(x, [[0, 0], [samples, samples]], "REFLECT")


@functools.lru_cache
def _window(n_fft: int, window_length: int) -> np.ndarray:
    window = scipy.signal.get_window("hann", window_length)
    before = (n_fft - window_length) // 2
    return np.float32(np.pad(window, (before, n_fft - window_length - before)))
