"""What becomes of a file of weights that authors published."""

from typing import NamedTuple

from tfsr.errors import UserError
from tfsr.upsamplers.base import Upsampler


class Converted(NamedTuple):
    """A model with weights that others have trained.

    Attributes:
        upsampler: has them all.
        passed_over: names of the file's tensors that it does without, in their order.
        source: repository and paper.
        licence: a sentence about the terms of the weights.
    """

    upsampler: Upsampler
    passed_over: tuple[str, ...]
    source: str
    licence: str


def given_rates(
    rates: tuple[int, int] | None, system: str, published: tuple[tuple[int, int], ...]
) -> tuple[int, int]:
    """The rates that were given, where weights alone do not tell them.

    Args:
        rates: Hz, of input and output.
        system: whose weights these are.
        published: rates of some that the authors published.

    Raises:
        UserError: none were given.
    """
    if rates is None:
        known = " or ".join(f"--rates {low},{high}" for low, high in published)
        raise UserError(f"rates: weights of {system} do not tell theirs: give {known}")
    return rates


def terms(repository: str) -> str:
    """The sentence about a licence."""
    return f"The authors of the weights set their licence: see https://{repository}."
