"""Noise schedules: how much noise a diffusion step adds, and how sampling removes it."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfsr.errors import UserError

EIGHT_STEPS = (1e-6, 2e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 9e-1)
"""The betas of NU-Wave for upsampling."""

# Sampling divides by what is left.
_LEAST_SIGNAL_LEFT = 1e-6


class Sampling(NamedTuple):
    """The coefficients of sampling, arrays [steps]; step t has the index t - 1.

    From the noisy signal y_t and the estimate e of the noise in it,

        clean = from_signal * y_t - from_noise * e
        y_(t-1) = c1 * clean + c2 * y_t + std * (standard normal noise)

    With eta = 1 and without clipping of `clean`, this is algorithm 2 of Lee & Han 2021. `std` of
    the first step, the last one in sampling, is 0.
    """

    from_signal: np.ndarray
    from_noise: np.ndarray
    c1: np.ndarray
    c2: np.ndarray
    std: np.ndarray


@dataclass(frozen=True)
class NoiseSchedule:
    """Steps that turn a waveform into noise (Ho, Jain & Abbeel 2020), NU-Wave's 8 unless given.

    Args:
        betas: share of noise, in power, that each step mixes in, between 0 and 1.
        float32: compute as the authors of NU-Wave do, for comparisons only. There 1 - (1 - 1e-6) is
            1.3 % too large, and so c1 of the first step is 1.3 % too small. All their upsampled
            signals are 0.115 dB too quiet.

    Raises:
        UserError: there is no beta, one is not between 0 and 1, or nothing of the signal is left.
    """

    betas: tuple[float, ...] = EIGHT_STEPS
    float32: bool = False

    def __post_init__(self):
        object.__setattr__(self, "betas", tuple(float(beta) for beta in self.betas))
        self._check_betas()

    def _check_betas(self) -> None:
        if not self.betas:
            raise UserError("NoiseSchedule.betas is empty: give one number for each step")
        for beta, kept in zip(self.betas, self._alphas, strict=True):
            if not 0 < kept < 1:
                raise UserError(
                    f"NoiseSchedule.betas has {beta}: choose numbers between 0 and 1, so far from "
                    "both that rounding does not lose them"
                )
        if self.levels[-1] < _LEAST_SIGNAL_LEFT:
            raise UserError(
                "NoiseSchedule.betas leave nothing of the signal after the last step: choose "
                "fewer or smaller ones"
            )

    @property
    def steps(self) -> int:
        return len(self.betas)

    @functools.cached_property
    def levels(self) -> np.ndarray:
        """The noise levels [steps + 1]: amplitude of the signal after t steps, falling from 1."""
        return np.sqrt(self._powers)

    def sampling(self, eta: float = 1.0) -> Sampling:
        """The coefficients of each step.

        Args:
            eta: 1 is ancestral sampling; smaller values draw less new noise, and 0 draws none
                (DDIM, Song, Meng & Ermon 2021).

        Raises:
            UserError: `eta` is not between 0 and 1.
        """
        if not 0 <= eta <= 1:
            raise UserError(f"eta is {eta}: choose a number from 0 to 1")
        betas, alphas = self._betas, self._alphas
        before, after = self._powers[:-1], self._powers[1:]
        from_signal = np.sqrt(1 / after)
        if eta == 1:
            # The same as below, but in the order of the authors of NU-Wave, whose float32 rounds.
            c1 = betas * np.sqrt(before) / (1 - after)
            c2 = (1 - before) * np.sqrt(alphas) / (1 - after)
        else:
            c2 = np.sqrt((1 - before) * (1 - eta**2 * betas / (1 - after)) / (1 - after))
            c1 = np.sqrt(before) - c2 * np.sqrt(after)
        return Sampling(
            from_signal=from_signal,
            from_noise=np.sqrt(1 - after) * from_signal,
            c1=c1,
            c2=c2,
            std=eta * np.sqrt(betas * (1 - before) / (1 - after)),
        )

    @property
    def _betas(self) -> np.ndarray:
        return np.array(self.betas, np.float32 if self.float32 else np.float64)

    @property
    def _alphas(self) -> np.ndarray:
        """Share of power that each step keeps, [steps]."""
        return 1 - self._betas

    @property
    def _powers(self) -> np.ndarray:
        """Share of power left after t steps ("alpha bar"), [steps + 1]; the first is 1."""
        # PyTorch multiplies in float64 even where all else is float32.
        products = np.cumprod(np.append(1.0, self._alphas), dtype=np.float64)
        return products.astype(self._betas.dtype)


def linear_schedule(
    steps: int = 1000, first: float = 1e-6, last: float = 6e-3, float32: bool = False
) -> NoiseSchedule:
    """Betas at equal distances from `first` to `last`, inclusive; the defaults train NU-Wave."""
    return NoiseSchedule(tuple(np.linspace(first, last, steps)), float32)


def geometric_schedule(
    steps: int = 8, first: float = 1e-3, last: float = 0.9544627588927385, float32: bool = False
) -> NoiseSchedule:
    """Noise whose amplitude grows by a constant factor per step; betas from `first` to `last`.

    The defaults are the ends of NU-Wave's 8 steps, where the factor is between 1.7 and 3.2.
    """
    powers = 1 - np.geomspace(first, last, steps) ** 2
    betas = 1 - powers / np.append(1.0, powers[:-1])
    return NoiseSchedule(tuple(betas), float32)
