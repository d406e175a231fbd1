"""Losses of a vocoder: distances between waveforms, their spectra and their mel spectrograms.

Each is a frozen value: (high, estimate), both float32 [batch, time] -> the losses of `names` for
each example, [batch]. Tian et al. 2020 (TFGAN) describe the losses in time. Of the trainer of
VoiceFixer's vocoder (Liu et al. 2022) only the weights are published. The sizes are those of two
reconstructions, https://github.com/kranti-parida/vocoder_voicefixer (the defaults) and
https://github.com/rishikksh20/TFGAN.
"""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfsr.arguments import COUNT, check
from tfsr.signal.mel import MelSpectrogram, log_mel, mel_areas
from tfsr.signal.stft import Spectrum, stft

_LEAST_POWER = 1e-7
_ADDED_POWER = 1e-9
_LEAST_SQUARE = 1e-14


@dataclasses.dataclass(frozen=True)
class TimeDomain:
    """Mean absolute differences, summed over the samples themselves and frames of each size.

    "time" compares the means of frames. "energy" compares the means of their squares. "phase"
    compares the changes of these squares from one frame to the next.

    Args:
        frames: (samples of a frame, samples from one to the next). The signals must hold two
            frames of each size (1440 samples). Samples after the last whole frame do not count.
        sample_phase: "phase" compares the changes from sample to sample within every frame. The
            whole signal is one more frame, with a zero before and a zero after it. The second
            reconstruction does this, and sums the three with a weight of 20.
    """

    frames: Sequence[tuple[int, int]] = ((240, 120), (480, 240), (960, 480))
    sample_phase: bool = False
    names = ("time", "energy", "phase")

    def __post_init__(self):
        check("TimeDomain", vars(self), {"frames": COUNT})

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> dict[str, tf.Tensor]:
        difference = estimate - high
        energies = self._means(tf.square(estimate) - tf.square(high))
        changing = energies
        if self.sample_phase:
            changing = [_with_zeros(x) for x in (difference, *self._framed(difference))]
        return {
            "time": _summed(self._means(difference)),
            "energy": _summed(energies),
            "phase": _summed([x[..., 1:] - x[..., :-1] for x in changing]),
        }

    def _means(self, x: tf.Tensor) -> list[tf.Tensor]:
        return [x, *(tf.reduce_mean(frames, axis=2) for frames in self._framed(x))]

    def _framed(self, x: tf.Tensor) -> list[tf.Tensor]:
        return [tf.signal.frame(x, *sizes) for sizes in self.frames]


@dataclasses.dataclass(frozen=True)
class MultiResolutionStft:
    """Distances of magnitudes, over several resolutions (Yamamoto et al. 2020, Parallel WaveGAN).

    "convergence" is the norm of the difference divided by the norm of `high`'s magnitudes.
    "magnitude" is the mean absolute difference of natural logarithms. A signal is mirrored at its
    ends by (FFT length - hop) / 2 samples. It must be longer than that (3072 with the default
    resolutions).

    Args:
        resolutions: (samples of the Hann window, samples from one to the next, FFT length). The
            second reconstruction has (600, 120, 1024), (1200, 240, 2048) and (240, 50, 512).
        power: compare powers, as the first reconstruction does.
        averaged: means over the resolutions, as in the second reconstruction, not sums.
    """

    resolutions: Sequence[tuple[int, int, int]] = tuple(
        (window, window // 2, 2 * window) for window in (4096, 2048, 1024, 512, 256, 128, 64)
    )
    power: bool = False
    averaged: bool = False
    names = ("convergence", "magnitude")

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> dict[str, tf.Tensor]:
        distances = [
            self._distances(*(self._spectrum(x, *sizes) for x in (high, estimate)))
            for sizes in self.resolutions
        ]
        total = tf.reduce_mean if self.averaged else tf.reduce_sum
        columns = zip(*distances, strict=True)
        return {name: total(x, axis=0) for name, x in zip(self.names, columns, strict=True)}

    def _distances(self, high: tf.Tensor, estimate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        convergence = _norm(high - estimate) / _norm(high)
        logs = [tf.math.log(x + (_ADDED_POWER if self.power else 0.0)) for x in (high, estimate)]
        return convergence, _mean_absolute(logs[0] - logs[1])

    def _spectrum(self, x: tf.Tensor, window: int, hop: int, n_fft: int) -> tf.Tensor:
        margin = (n_fft - hop) // 2
        x = tf.pad(x, [[0, 0], [margin, margin]], "REFLECT")
        power = Spectrum.of(stft(x, n_fft, hop, window, center=False)).power
        return power if self.power else tf.sqrt(tf.maximum(power, _LEAST_POWER))


@dataclasses.dataclass(frozen=True)
class MelDistance:
    """ "mel": the mean absolute difference of log10 mel spectrograms, see `log_mel`.

    Args:
        spectrogram: makes the mel spectrograms.
        squared: use the mean squared difference without a logarithm, as the first reconstruction
            does. The bands of the mel spectrograms are then divided by their areas.
    """

    spectrogram: MelSpectrogram = MelSpectrogram()
    squared: bool = False
    names = ("mel",)

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> dict[str, tf.Tensor]:
        mels = self.spectrogram(high), self.spectrogram(estimate)
        if not self.squared:
            return {"mel": _mean_absolute(log_mel(mels[1]) - log_mel(mels[0]))}
        areas = mel_areas(self.spectrogram.rate, self.spectrogram.bands)
        return {"mel": tf.reduce_mean(tf.square((mels[1] - mels[0]) / areas), axis=[1, 2])}


def _summed(differences: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([_mean_absolute(x) for x in differences])


def _mean_absolute(x: tf.Tensor) -> tf.Tensor:
    """Mean absolute value of each example, [batch, ...] -> [batch]."""
    return tf.reduce_mean(tf.abs(x), axis=list(range(1, len(x.shape))))


def _norm(x: tf.Tensor) -> tf.Tensor:
    """Norm of each example, at least 1e-7: so it has a derivative and can be a denominator."""
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(x), axis=[1, 2]), _LEAST_SQUARE))


def _with_zeros(x: tf.Tensor) -> tf.Tensor:
    """[..., time] -> [..., time + 2], a zero before and one after."""
    return tf.pad(x, [[0, 0]] * (len(x.shape) - 1) + [[1, 1]])
