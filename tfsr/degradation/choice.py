"""One of several at random."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from tfsr.errors import UserError

T = TypeVar("T")


def check_weights(owner: str, choices: Sequence, weights: Sequence[float] | None) -> None:
    """UserError where `weights` does not fit `choices`; None does."""
    if weights is None:
        return
    if len(weights) != len(choices):
        raise UserError(
            f"{owner} has {len(choices)} choices and {len(weights)} weights: "
            "give one weight for each"
        )
    if min(weights) < 0 or sum(weights) <= 0:
        raise UserError(f"{owner}.weights must not be negative, and one at least positive")


def draw(choices: Sequence[T], weights: Sequence[float] | None, rng: np.random.Generator) -> T:
    """One of the choices, as often as its weight says; without weights all are alike."""
    probabilities = weights and np.asarray(weights) / sum(weights)
    return choices[rng.choice(len(choices), p=probabilities)]
