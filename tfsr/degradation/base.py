"""What makes a low-rate (or damaged) signal out of a good one."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np

Noise = Callable[[int, int, np.random.Generator], np.ndarray]
"""(samples, rate in Hz, generator) -> [samples]."""


class Degradation(abc.ABC):
    """From the high rate to the low one, or damage at one rate: all are called alike.

    Some stay at their rate (noise, clipping, reverberation, a codec). They set `changes_rate` to
    False and are called with two equal rates. They may stand before or after the rate changes in a
    `Chain`. Subclasses are frozen dataclasses, so that a configuration is seen at construction.

    Attributes:
        changes_rate: False where the output is at the rate of the input.
        context: samples needed on each side of a patch, so that filters have settled within it.
            They are at the output rate (that of the undamaged signal). 0 runs on the patch itself.
    """

    @property
    def changes_rate(self) -> bool:
        return True

    @property
    def context(self) -> int:
        return 0

    @abc.abstractmethod
    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Degrade one signal.

        Args:
            high: [time] at `output_rate`, any time >= 1.
            output_rate: Hz, that of `high`: what an upsampler is to give back.
            input_rate: Hz, that of the result; `output_rate` is a whole multiple of it.
            rng: the only source of chance.

        Returns:
            float64 [ceil(time * input_rate / output_rate)]; its sample t lies where sample
            t * output_rate / input_rate of `high` does, save for the delay of causal filters.

        Raises:
            UserError: where the ratio of the rates is not a whole number of at least 1.
        """

    def check(self) -> None:
        """Ask all parts whether they have what they need; a missing folder is a UserError then."""
        check_parts(self)

    def pair(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The degraded signal, and the one to make of it: `high`, unless its level changes too."""
        return self(high, output_rate, input_rate, rng), high


def check_parts(whole: Any) -> None:
    """Call `check` of all arguments of a dataclass that have it, those in tuples and lists too."""
    for value in vars(whole).values():
        for part in value if isinstance(value, (tuple, list)) else [value]:
            if hasattr(part, "check"):
                part.check()
