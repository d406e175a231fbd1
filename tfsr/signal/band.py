"""Where the band of a recording ends."""

import math

import tensorflow as tf

from tfsr.signal.stft import Spectrum, istft, stft

_N_FFT = 2048
_HOP = 512
_LEAST = 1e-8


def without_empty_band(x: tf.Tensor, share: float = 0.95) -> tf.Tensor:
    """Remove everything above the band in use: mode 1 of VoiceFixer's release.

    Positive parts of log10 magnitudes are summed over the whole signal. The band ends at the first
    bin up to which lies this share of the sum.

    Args:
        x: float32 [batch, time], any time >= 1; each signal has its own band.
        share: see above, from 0 to 1.

    Returns:
        float32 [batch, time].
    """
    # Zeros around the signal, not its mirror image, as librosa has them.
    margins = [[0, 0], [_N_FFT // 2, _N_FFT // 2]]
    spectrum = Spectrum.of(stft(tf.pad(x, margins), _N_FFT, _HOP, center=False))
    level = tf.nn.relu(tf.math.log(tf.sqrt(spectrum.power) + _LEAST) / math.log(10))
    total = tf.cumsum(tf.reduce_sum(level, axis=1, keepdims=True), axis=-1)
    kept = tf.cast(total < share * total[..., -1:], x.dtype)
    return istft(Spectrum(spectrum.real * kept, spectrum.imag * kept), _HOP, tf.shape(x)[1])
