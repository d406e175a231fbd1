"""A band cut off at one frequency, at a rate that stays."""

from dataclasses import dataclass

import numpy as np

from tfsr.degradation.base import Degradation
from tfsr.degradation.effects import CutOff
from tfsr.errors import UserError


@dataclass(frozen=True)
class BandLimit(Degradation):
    """The signal without what low-pass filters take away (ssr_eval, Liu et al. 2022).

    Args:
        cut_off: the filters, and their frequency.

    Raises:
        UserError: when called with two rates.
    """

    cut_off: CutOff
    changes_rate = False

    @property
    def context(self) -> int:
        return sum(low_pass.context for low_pass in self.cut_off.filters)

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        if input_rate != output_rate:
            raise UserError(
                f"BandLimit leaves {output_rate} Hz, and {input_rate} Hz are wanted: "
                "it is for systems whose input_rate is their output_rate"
            )
        return self.cut_off(high, output_rate)
