"""Degradations made of others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfsr.arguments import COUNT, check
from tfsr.degradation.base import Degradation
from tfsr.degradation.choice import check_weights, draw
from tfsr.errors import UserError
from tfsr.signal.resample import through_rate

# The highest rate that contexts are made for, and what resampling settles in at the lower rate.
_HIGHEST = 48000
_SETTLED = 64


@dataclass(frozen=True)
class Chain(Degradation):
    """One after the other.

    At most one stage changes the rate; those before it run at the output rate, those after it at
    the input rate.

    Args:
        stages: in the order in which the signal passes them.

    Raises:
        UserError: where two stages change the rate.
    """

    stages: Sequence[Degradation]

    def __post_init__(self):
        if sum(stage.changes_rate for stage in self.stages) > 1:
            raise UserError("Chain.stages has two stages that change the rate: leave one of them")

    @property
    def changes_rate(self) -> bool:
        return any(stage.changes_rate for stage in self.stages)

    @property
    def context(self) -> int:
        return sum(stage.context for stage in self.stages)

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        if output_rate != input_rate and not self.changes_rate:
            raise UserError(
                f"Chain.stages has none that goes from {output_rate} to {input_rate} Hz: "
                "add one such as Decimate()"
            )
        signal, rate = np.asarray(high, np.float64), output_rate
        for stage in self.stages:
            next_rate = input_rate if stage.changes_rate else rate
            signal, rate = stage(signal, rate, next_rate, rng), next_rate
        return signal


@dataclass(frozen=True)
class OneOf(Degradation):
    """One of these at random for each signal.

    A network that has seen one low-pass filter alone fails on signals that passed another
    (Kuleshov et al. 2017, table 3); one trained with several does not depend on which it was.

    Args:
        choices: either all change the rate or none does.
        weights: how often each is taken, in any unit; None for all alike.

    Raises:
        UserError: where `weights` does not fit `choices`, or these do not fit each other.
    """

    choices: Sequence[Degradation]
    weights: Sequence[float] | None = None

    def __post_init__(self):
        if len({choice.changes_rate for choice in self.choices}) != 1:
            raise UserError(
                "OneOf.choices must have one entry at least, and all must change the rate or none"
            )
        check_weights("OneOf", self.choices, self.weights)

    @property
    def changes_rate(self) -> bool:
        return self.choices[0].changes_rate

    @property
    def context(self) -> int:
        return max(choice.context for choice in self.choices)

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        chosen = draw(self.choices, self.weights, rng)
        return chosen(high, output_rate, input_rate, rng)


@dataclass(frozen=True)
class AtRate(Degradation):
    """Damage at a rate of its own: telephone codecs at 8 kHz within signals of 16 or 48 kHz.

    soxr brings the signal there and back, so what the lower rate cannot carry is gone. Nothing is
    delayed besides. The context suffices up to 48 kHz.

    Args:
        rate: Hz, at which the degradation is called.
        degradation: one that stays at its rate.

    Raises:
        UserError: a rate out of its range, or a degradation that changes the rate.
    """

    rate: int
    degradation: Degradation
    changes_rate = False

    def __post_init__(self):
        check("AtRate", vars(self), {"rate": COUNT})
        if self.degradation.changes_rate:
            raise UserError("AtRate.degradation changes the rate: give one that stays at its rate")

    @property
    def context(self) -> int:
        samples = (self.degradation.context + _SETTLED) * max(_HIGHEST / self.rate, 1)
        return math.ceil(samples)

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        return through_rate(
            np.asarray(high, np.float64),
            output_rate,
            self.rate,
            lambda signal: self.degradation(signal, self.rate, self.rate, rng),
        )
