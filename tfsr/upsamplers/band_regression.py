"""Predict each frame's high band from its low band: Li, Huang, Xu & Lee 2015.

A network predicts the log powers of a frame's upper bins from those of its lower bins. The lower
bins stay as they are. The phase of the upper bins comes from elsewhere.

The paper and its programs take the low bins from the high-rate signal. Here they come from the
low-rate signal, since nothing else is available in use. The transform is computed at the low rate,
with every ratio-th sample of the window, and multiplied by the ratio. It is the same as at the high
rate, except for what the low-pass has removed.
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.whitening import MeanVariance, Whitening
from tfsr.signal.stft import HammingStft, Spectrum
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.update import Batch, Losses

Parts = dict[str, tf.Tensor]
""""magnitude" (and "phase") -> a number for each bin, [batch, frames, bins]"""

# At the output rate, the paper's.
_N_FFT = 512
_HOP = 256

# What rounding to 16 bits leaves in a bin; smaller moduli count as this in log powers. The authors
# of the program put 1e-8 for zeros, which makes an outlier of every silent frame.
_LEAST_MODULUS = 1e-4

# No sound at full scale has a larger one; nor has what a network predicts unless it is led astray.
_LARGEST_MODULUS = _HOP

# The smallest number that is not zero in float16, as constants of an exported file may be.
_TINY = 2.0**-24


@dataclasses.dataclass(frozen=True)
class ImagedPhase:
    """The low band's phase, mirrored at the low Nyquist frequency, with its sign changed.

    Li et al. 2015 do this for ratio 2. Above twice the low Nyquist frequency the images alternate:
    upright, mirrored, upright. They do so too in a low-rate signal with zeros between its samples.
    """

    parts = ("magnitude",)

    def __call__(self, low: Spectrum, predicted: Parts) -> Spectrum:
        places, signs = _images(low.real.shape[-1], predicted["magnitude"].shape[-1])
        phasors = _phasors(low)
        return Spectrum(
            tf.gather(phasors.real, places, axis=-1),
            tf.gather(phasors.imag, places, axis=-1) * signs,
        )


@dataclasses.dataclass(frozen=True)
class RegressedPhase:
    """The network also predicts the wrapped phases of the high band, from those of the low band."""

    parts = ("magnitude", "phase")

    def __call__(self, low: Spectrum, predicted: Parts) -> Spectrum:
        return Spectrum(tf.cos(predicted["phase"]), tf.sin(predicted["phase"]))


@dataclasses.dataclass(frozen=True, eq=False)
class TruePhase:
    """The original's phase: an upper bound, which Kuleshov et al.'s program calls "cheated".

    Args:
        phasors: of one recording's high band; `BandRegression.with_reference` sets them.

    Raises:
        UserError: the phase is asked for without `phasors`.
    """

    parts = ("magnitude",)
    phasors: Spectrum | None = None

    def __call__(self, low: Spectrum, predicted: Parts) -> Spectrum:
        if self.phasors is None:
            raise UserError(
                "TruePhase is for evaluation, where the original is known: set "
                "BandRegression.phase to ImagedPhase() or RegressedPhase() for any other use"
            )
        return self.phasors


class BandRegression(Upsampler):
    """Predict the high band of each frame from the low band of that frame and its neighbours.

    Args:
        network: called with `outputs`, it makes the network: [batch, frames, features] ->
            [batch, frames, outputs], with its `receptive_field` in frames.
        input_rate, output_rate: Hz; the ratio divides the hop of 256 samples: 2, 4, 8, ...
        phase: source of the high band's phase, `ImagedPhase()`, `RegressedPhase()` or
            `TruePhase()`.
        whitening: called, it makes one of `tfsr.layers.whitening`; features and targets each get
            their own.
        optimizer: Adam with 1e-3 unless given.

    Raises:
        UserError: the ratio is not one of these.
    """

    adapt_batches = 50

    def __init__(
        self,
        network: Callable[..., keras.Model],
        input_rate: int,
        output_rate: int,
        phase: ImagedPhase | RegressedPhase | TruePhase = ImagedPhase(),
        whitening: Callable[[], Whitening] = MeanVariance,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, optimizer or keras.optimizers.Adam(1e-3))
        _check_ratio(self.ratio)
        self.phase = phase
        self.loss_names = ("loss", *phase.parts)
        self.frame_rate = output_rate / _HOP
        self.hop = _HOP // self.ratio
        self._low_stft = HammingStft(_N_FFT // self.ratio, self.hop)
        self._high_stft = HammingStft(_N_FFT, _HOP)
        self._low_bins = _N_FFT // self.ratio // 2 + 1
        high_bins = _N_FFT // 2 + 1 - self._low_bins
        self.network = self.make("network", network, outputs=len(phase.parts) * high_bins)
        self.whitenings = {
            f"{band}_{part}": self.make("whitening", whitening)
            for band in ("low", "high")
            for part in phase.parts
        }
        # A sample is in the frames that begin in its hop and in the one before.
        self.receptive_field = (self.network.receptive_field + _N_FFT // _HOP) * self.hop - 1

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        """Mean squares in the whitened domain, over frames and bins; "loss" is over all bins."""
        estimates = self._estimates(self._low_band(batch["low"]), training)
        targets = self._whitened("high", self._high_band(batch["high"]))
        parts = {part: _mean_square(estimates[part] - targets[part]) for part in self.phase.parts}
        return {"loss": tf.add_n(list(parts.values())) / len(parts), **parts}

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.upsample_with(self.phase, low)

    def upsample_with(
        self, phase: Callable[[Spectrum, Parts], Spectrum], low: tf.Tensor
    ) -> tf.Tensor:
        """`upsample`, with another source of the high band's phase.

        Args:
            phase: function of the low band and the predicted parts of the high band; it returns
                the phasors of the high band.
        """
        low_band = self._low_band(low)
        estimates = self._estimates(low_band, training=False)
        predicted = {
            part: self.whitenings[f"high_{part}"].invert(estimates[part]) for part in estimates
        }
        high = self._waveform(low_band, predicted["magnitude"], phase(low_band, predicted))
        time = tf.shape(low)[1] if low.shape[1] is None else low.shape[1]
        return high[:, : self.ratio * time]

    def with_reference(self, high: np.ndarray) -> Upsampler:
        """With `TruePhase`, an upsampler that knows the phase, for a low signal of that length."""
        if not isinstance(self.phase, TruePhase):
            return self
        return _WithTruePhase(self, _phasors(self._high_band(np.float32(high[np.newaxis]))))

    def adapt(self, batches: Iterable[Batch]) -> None:
        """Fit the whitenings to all frames of the batches."""
        frames: dict[str, list[np.ndarray]] = {name: [] for name in self.whitenings}
        for batch in batches:
            for band, spectrum in self._bands(batch).items():
                for part, values in self._features(spectrum).items():
                    frames[f"{band}_{part}"].append(values.numpy().reshape([-1, values.shape[-1]]))
        for name, whitening in self.whitenings.items():
            whitening.adapt(np.concatenate(frames[name]))

    def initialize(self) -> None:
        """Create the weights via the losses, which use them all; `TruePhase` cannot upsample."""
        zeros = {"low": tf.zeros([1, self.hop]), "high": tf.zeros([1, _HOP])}
        self.losses_for(zeros, training=False)
        self.built = True

    def _bands(self, batch: Batch) -> dict[str, Spectrum]:
        return {"low": self._low_band(batch["low"]), "high": self._high_band(batch["high"])}

    def _low_band(self, low: tf.Tensor) -> Spectrum:
        """The lower bins of the spectrum at the output rate.

        A bin at the low Nyquist frequency holds the sum of two bins of a higher rate: those at plus
        and minus that frequency. Without a high band, the output then passes through the input
        samples.
        """
        scales = np.array([self.ratio] * (self._low_bins - 1) + [self.ratio / 2], np.float32)
        return Spectrum(*(part * scales for part in self._low_stft(low)))

    def _high_band(self, high: tf.Tensor) -> Spectrum:
        return Spectrum(*(part[..., self._low_bins :] for part in self._high_stft(high)))

    def _waveform(self, low_band: Spectrum, log_power: tf.Tensor, phasors: Spectrum) -> tf.Tensor:
        """The signal of both bands, lengthened to whole hops."""
        modulus = tf.minimum(tf.exp(log_power / 2), _LARGEST_MODULUS)
        real, imag = (
            tf.concat([low, modulus * high], axis=-1)
            for low, high in zip(low_band, phasors, strict=True)
        )
        return self._high_stft.inverse(Spectrum(real, imag))

    def _estimates(self, low_band: Spectrum, training: bool) -> Parts:
        """The network's outputs: the whitened parts of the high band."""
        features = self._whitened("low", low_band)
        out = self.network(tf.concat(list(features.values()), axis=-1), training=training)
        parts = tf.split(tf.cast(out, tf.float32), len(self.phase.parts), axis=-1)
        return dict(zip(self.phase.parts, parts, strict=True))

    def _whitened(self, band: str, spectrum: Spectrum) -> Parts:
        features = self._features(spectrum)
        return {part: self.whitenings[f"{band}_{part}"](features[part]) for part in features}

    def _features(self, spectrum: Spectrum) -> Parts:
        return {part: _FEATURES[part](spectrum) for part in self.phase.parts}


class _WithTruePhase(Upsampler):
    """A `BandRegression` for one recording whose high band has known phasors."""

    def __init__(self, upsampler: BandRegression, phasors: Spectrum):
        super().__init__(upsampler.input_rate, upsampler.output_rate)
        self.hop = upsampler.hop
        self._upsampler = upsampler
        self._phase = TruePhase(phasors)

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._upsampler.upsample_with(self._phase, low)


def _log_power(spectrum: Spectrum) -> tf.Tensor:
    return 2 * tf.math.log(tf.maximum(_modulus(spectrum), _LEAST_MODULUS))


def _angle(spectrum: Spectrum) -> tf.Tensor:
    """The wrapped phase; where only rounding would choose between pi and -pi, it is pi."""
    is_real = tf.abs(spectrum.imag) < 1e-5 * tf.abs(spectrum.real)
    imag = tf.where(is_real, tf.zeros_like(spectrum.imag), spectrum.imag)
    return tf.atan2(imag, spectrum.real)


_FEATURES = {"magnitude": _log_power, "phase": _angle}


def _modulus(spectrum: Spectrum) -> tf.Tensor:
    return tf.sqrt(spectrum.power)


def _phasors(spectrum: Spectrum) -> Spectrum:
    """Phasors of modulus 1, and 0 where the spectrum is 0: silence gets no high band."""
    modulus = tf.maximum(_modulus(spectrum), _TINY)
    return Spectrum(spectrum.real / modulus, spectrum.imag / modulus)


def _images(low_bins: int, high_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """For each high bin, the low bin whose image it is, and a sign: -1 if mirrored."""
    period = 2 * (low_bins - 1)
    places = np.arange(low_bins, low_bins + high_bins) % period
    mirrored = places >= low_bins
    return np.where(mirrored, period - places, places), np.where(mirrored, -1, 1).astype(np.float32)


def _mean_square(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(x), axis=[1, 2])


def _check_ratio(ratio: int) -> None:
    if ratio == 1 or _HOP % ratio:
        raise UserError(
            f"BandRegression cannot raise the rate {ratio} times: its frames of {_N_FFT} samples "
            "want a ratio that is a power of two (2, 4, 8, ...)"
        )
