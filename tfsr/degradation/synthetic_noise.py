"""Noise to train restoration with, without recordings of it.

Each is called with a number of samples, a rate of at least 8,000 Hz, and a generator. The generator
is the only source of randomness. The result is float32 [samples]. Its
level has no meaning: `tfsr.degradation.effects.Added` and others set it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft

from tfsr.arguments import ANY, BELOW_1, COUNT, NOT_NEGATIVE, POSITIVE, check
from tfsr.degradation.base import Noise, check_parts
from tfsr.degradation.choice import check_weights, draw
from tfsr.errors import UserError

# What is below is not heard.
_LOWEST_HZ = 20.0

# After so many times its decay a click is 60 dB softer.
_DECAYS = math.log(1000)

_OCTAVE_DB = 20 * math.log10(2)


@dataclass(frozen=True)
class Hum:
    """Mains hum: a tone and its harmonics below the Nyquist frequency, with an RMS value of 1.

    Args:
        mains_hz: one of these is drawn.
        detuning: largest difference from it, as a share; a tape may run too fast.
        harmonics: least and most number of tones, the first among them.
        fall_db: least and most of how much softer they are an octave higher.
        spread_db: largest difference of a tone's level from that.

    Raises:
        UserError: an argument out of its range.
    """

    mains_hz: Sequence[float] = (50.0, 60.0)
    detuning: float = 0.005
    harmonics: tuple[int, int] = (1, 30)
    fall_db: tuple[float, float] = (3.0, 12.0)
    spread_db: float = 10.0

    def __post_init__(self):
        pairs = {"harmonics": COUNT.of_pair(), "fall_db": NOT_NEGATIVE.of_pair()}
        single = {"mains_hz": POSITIVE, "detuning": BELOW_1, "spread_db": NOT_NEGATIVE}
        check("Hum", vars(self), pairs | single)

    def __call__(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """float32 [samples]."""
        hertz = rng.choice(self.mains_hz) * (1 + rng.uniform(-self.detuning, self.detuning))
        orders = np.arange(1, rng.integers(*self.harmonics, endpoint=True) + 1)
        level_db = rng.uniform(-self.spread_db, self.spread_db, len(orders))
        level_db -= rng.uniform(*self.fall_db) * np.log2(orders)
        amplitudes = 10 ** (level_db / 20) * (orders * hertz < rate / 2)
        amplitudes /= np.sqrt(np.sum(np.square(amplitudes)) / 2) or 1.0
        tones = amplitudes * np.exp(2j * np.pi * rng.random(len(orders)))
        # The harmonics are powers of the first.
        first = np.exp(2j * np.pi * hertz / rate * np.arange(samples))
        return np.polyval([*tones[::-1], 0], first).real.astype(np.float32)


@dataclass(frozen=True)
class Hiss:
    """Steady Gaussian noise from 20 Hz up, with an RMS value of about 1.

    Args:
        slope_db: least and most of how much louder it is an octave higher: 0 is white noise, -3
            pink noise.

    Raises:
        UserError: an argument out of its range.
    """

    slope_db: tuple[float, float] = (-6.0, 3.0)

    def __post_init__(self):
        check("Hiss", vars(self), {"slope_db": ANY.of_pair()})

    def __call__(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """float32 [samples]."""
        exponent = rng.uniform(*self.slope_db) / _OCTAVE_DB
        return _shaped(samples, rate, lambda hertz: hertz**exponent, rng).astype(np.float32)


@dataclass(frozen=True)
class Clicks:
    """Clicks of vinyl and of broken contacts: few and short, with a peak of at most about 1.

    Each rings at a frequency of its own and dies away. Where there is none, all is silent. Beside
    their RMS value their peaks are high: 20 to 50 dB below the signal they sound as they should.

    Args:
        per_second: least and most of how many there are a second, on average.
        decay_seconds: least and most of the time in which one gets softer by 8.7 dB.
        range_db: how much softer than the loudest one may be.

    Raises:
        UserError: an argument out of its range.
    """

    per_second: tuple[float, float] = (0.5, 20.0)
    decay_seconds: tuple[float, float] = (5e-5, 1e-3)
    range_db: float = 30.0

    def __post_init__(self):
        pairs = {"per_second": NOT_NEGATIVE.of_pair(), "decay_seconds": POSITIVE.of_pair()}
        check("Clicks", vars(self), pairs | {"range_db": NOT_NEGATIVE})

    def __call__(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """float32 [samples]."""
        noise = np.zeros(samples)
        for _ in range(rng.poisson(rng.uniform(*self.per_second) * samples / rate)):
            heard = noise[rng.integers(samples) :]
            click = self._click(rate, rng)[: len(heard)]
            heard[: len(click)] += click
        return noise.astype(np.float32)

    def _click(self, rate: int, rng: np.random.Generator) -> np.ndarray:
        level = rng.choice((-1, 1)) * 10 ** (rng.uniform(-self.range_db, 0) / 20)
        decay = rate * np.exp(rng.uniform(*np.log(self.decay_seconds)))
        places = np.arange(math.ceil(_DECAYS * decay))
        ringing = np.cos(np.pi * rng.random() * places)
        return level * np.exp(-places / decay) * ringing


@dataclass(frozen=True)
class Wind:
    """Wind on a microphone: rumbling that swells and fades in gusts.

    The loudest of it has an RMS value of about 1.

    Args:
        cutoff_hz: least and most of the frequency from which it falls by 24 dB an octave.
        gust_seconds: least and most of the time from one level to the next, drawn for each signal.
        range_db: how much softer than the loudest it may get.

    Raises:
        UserError: an argument out of its range.
    """

    cutoff_hz: tuple[float, float] = (80.0, 250.0)
    gust_seconds: tuple[float, float] = (0.3, 2.0)
    range_db: float = 30.0

    def __post_init__(self):
        pairs = {"cutoff_hz": POSITIVE.of_pair(), "gust_seconds": POSITIVE.of_pair()}
        check("Wind", vars(self), pairs | {"range_db": NOT_NEGATIVE})

    def __call__(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """float32 [samples]."""
        cutoff = rng.uniform(*self.cutoff_hz)
        rumbling = _shaped(samples, rate, lambda hertz: 1 / (1 + (hertz / cutoff) ** 4), rng)
        apart = rng.uniform(*self.gust_seconds) * rate
        levels_db = rng.uniform(-self.range_db, 0, int(samples / apart) + 3)
        places = (np.arange(len(levels_db)) - rng.random()) * apart
        level_db = np.interp(np.arange(samples), places, levels_db)
        return (rumbling * 10 ** (level_db / 20)).astype(np.float32)


@dataclass(frozen=True)
class AnyNoise:
    """One of several kinds of noise at random for each signal.

    Args:
        choices: such as those of this module, and `tfsr.data.noise.Noise`.
        weights: how often each is taken, in any unit; None for all alike.

    Raises:
        UserError: where there is no choice, or `weights` does not fit them.
    """

    choices: Sequence[Noise]
    weights: Sequence[float] | None = None

    def __post_init__(self):
        if not self.choices:
            raise UserError("AnyNoise.choices must have one entry at least")
        check_weights("AnyNoise", self.choices, self.weights)

    def __call__(self, samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        """float32 [samples]."""
        return draw(self.choices, self.weights, rng)(samples, rate, rng)

    def check(self) -> None:
        """UserError where a choice misses something, such as its recordings."""
        check_parts(self)


def _shaped(
    samples: int, rate: int, gain: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Steady Gaussian noise, float64 [samples], with an RMS value of about 1.

    Args:
        gain: of frequencies in Hz, in any unit. What is below 20 Hz is left out.
    """
    # A second at least, or there were no low frequencies.
    length = scipy.fft.next_fast_len(max(samples, rate), real=True)
    frequencies = scipy.fft.rfftfreq(length, 1 / rate)
    gains = gain(np.maximum(frequencies, _LOWEST_HZ)) * (frequencies >= _LOWEST_HZ)
    gains /= np.sqrt(np.mean(np.square(gains)))
    return scipy.fft.irfft(scipy.fft.rfft(rng.standard_normal(length)) * gains, length)[:samples]
