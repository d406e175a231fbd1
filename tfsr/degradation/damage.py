"""What speech restoration is trained with: effects, a low-pass filter and noise, mixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfsr.arguments import ANY, NOT_NEGATIVE, check
from tfsr.degradation.base import Degradation, Noise
from tfsr.degradation.effects import AnyLowPass, Clip, SecondOrder, Sometimes

_AUDIBLE = 0.02
_FILTERED, _RESAMPLED = 1 / 2, 1 / 3


class Mixture(NamedTuple):
    """Float64 [time] each, at one scale.

    Attributes:
        target: what restoration is to give.
        clean: the target without what the low-pass filter takes away.
        damaged: after all effects, without noise.
        noise: what comes to that.
    """

    target: np.ndarray
    clean: np.ndarray
    damaged: np.ndarray
    noise: np.ndarray

    def scaled(self, factor: float) -> "Mixture":
        return Mixture(*(factor * part for part in self))


def mix(parts: Mixture, snr_db: float, level: float) -> Mixture:
    """Bring the noise to a level below the damaged signal's, and the whole to a peak.

    The ratio is one of mean absolute values, as in the authors' code; under a signal that is
    nearly silent the noise is left as loud as the loudest of the rest.

    Args:
        parts: of any scale.
        snr_db: of the damaged signal to the noise.
        level: the largest absolute sample of all of the result and of the sum of damaged and noise.
    """
    noise = parts.noise / (np.abs(parts.noise).max() or 1.0)
    signals = parts._replace(noise=np.zeros_like(noise))
    signals = signals.scaled(1 / (_peak(signals) or 1.0))
    loudness = np.abs(signals.damaged).mean()
    if loudness > _AUDIBLE:
        noise = noise * loudness / (np.abs(noise).mean() or 1.0)
    mixed = signals._replace(noise=noise / 10 ** (snr_db / 20))
    peak = max(_peak(mixed), np.abs(mixed.damaged + mixed.noise).max())
    return mixed.scaled(level / (peak or 1.0))


@dataclass(frozen=True)
class Damage(Degradation):
    """Effects, then a low-pass filter, then noise: the order of the authors' code in training.

    The paper's order, that of its test sets, has the noise before `after` and the filter:
    `Damage(before=(room,), after=(ClipAbsolute(),), noise_last=False, ...)`.

    Args:
        before: effects in their order.
        after: effects on what noise was added to; not used with `noise_last`.
        low_pass: None leaves the band as it is.
        noise: where noise comes from; None adds none.
        snr_db: least and most, see `mix`.
        level: least and most of the peak of the whole.
        noise_last: whether the noise comes after everything else. It then passes, every second
            time, the low-pass filter of the speech.
    """

    before: Sequence[Degradation] = (Sometimes(0.3, SecondOrder()), Sometimes(0.2, Clip()))
    after: Sequence[Degradation] = ()
    low_pass: AnyLowPass | None = AnyLowPass()
    noise: Noise | None = None
    snr_db: tuple[float, float] = (-5.0, 40.0)
    level: tuple[float, float] = (0.3, 1.0)
    noise_last: bool = True
    changes_rate = False

    def __post_init__(self):
        ranges = {"snr_db": ANY.of_pair(), "level": NOT_NEGATIVE.of_pair()}
        check("Damage", vars(self), ranges)

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        return self.pair(high, output_rate, input_rate, rng)[0]

    def pair(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        target = np.asarray(high, np.float64)
        for_noise, for_speech = self.low_pass.draw(rng) if self.low_pass else (_as_it_is,) * 2
        damaged = _through(self.before, target, output_rate, rng)
        if self.noise_last:
            damaged = for_speech(damaged, output_rate)
        noise = self._drawn_noise(len(target), output_rate, rng)
        if self.noise_last and rng.random() < _FILTERED:
            again = for_speech if rng.random() < _RESAMPLED else for_noise
            noise = again(noise, output_rate)
        parts = Mixture(target, for_speech(target, output_rate), damaged, noise)
        mixed = mix(parts, rng.uniform(*self.snr_db), rng.uniform(*self.level))
        low = mixed.damaged + mixed.noise
        if not self.noise_last:
            low = for_speech(_through(self.after, low, output_rate, rng), output_rate)
        return low, mixed.target

    def _drawn_noise(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        return self.noise(samples, rate, rng) if self.noise else np.zeros(samples)


def _through(
    effects: Sequence[Degradation], signal: np.ndarray, rate: int, rng: np.random.Generator
) -> np.ndarray:
    for effect in effects:
        signal = effect(signal, rate, rate, rng)
    return signal


def _as_it_is(signal: np.ndarray, rate: int) -> np.ndarray:
    return signal


def _peak(parts: Mixture) -> float:
    return max(np.abs(part).max() for part in parts)
