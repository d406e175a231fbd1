"""The description of a system with published weights, and of a converted model."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import tf_keras as keras

from tfsr.convert.checkpoint import Checkpoint
from tfsr.errors import UserError
from tfsr.model_card import Scores
from tfsr.upsamplers.base import Upsampler

OUTPUT_RATE = 48000
"""Hz, the output rate of the published weights of NU-Wave and WSRGlow."""


class Converted(NamedTuple):
    """A model with weights that others have trained.

    Attributes:
        upsampler: the model with all these weights.
        passed_over: names of unused tensors, in the order of the file or files.
        part: the part of the system that it is; "": all of it.
    """

    upsampler: Upsampler
    passed_over: tuple[str, ...]
    part: str = ""


def _nothing(*_: Any) -> Any:
    return {}


def _no_advice(_: Collection[str]) -> str:
    return ""


@dataclasses.dataclass(frozen=True)
class System:
    """A system whose authors published weights.

    Args:
        name: name of the system.
        repository: the authors' own, without https://.
        paper: authors, year and title.
        recognised: whether tensors of these names and shapes are the system's.
        converted: makes the model. It takes tensors by name, and the rates in Hz or None. It also
            takes the results of `told` and the allowed `options`, by name.
        told: what a checkpoint tells besides its weights, as arguments of `converted`; rates too.
        options: names of the options that users may set.
        advice: for names of another file of the same authors, which file to give instead, or "".
        published: the authors' figures for such an upsampler; none for other sizes.
        licence: of the weights, in a sentence; "": users must look it up.
    """

    name: str
    repository: str
    paper: str
    recognised: Callable[[Mapping[str, tuple[int, ...]]], bool]
    converted: Callable[..., Converted]
    told: Callable[[Checkpoint], dict[str, Any]] = _nothing
    options: tuple[str, ...] = ()
    advice: Callable[[Collection[str]], str] = _no_advice
    published: Callable[[Any], Scores] = _nothing
    licence: str = ""

    @property
    def source(self) -> str:
        """Repository and paper."""
        return f"{self.repository}; {self.paper}"

    @property
    def terms(self) -> str:
        """A sentence about the licence of the weights."""
        return self.licence or (
            "The authors of the weights set their licence: look it up at "
            f"https://{self.repository}."
        )


def given_rates(
    rates: tuple[int, int] | None, system: str, published: tuple[tuple[int, int], ...]
) -> tuple[int, int]:
    """The given rates, for weights that do not tell their rates.

    Args:
        rates: Hz, of input and output.
        system: name of the system of the weights.
        published: examples of rates that the authors published.

    Raises:
        UserError: no rates are given.
    """
    if rates is None:
        known = " or ".join(f"--rates {low},{high}" for low, high in published)
        raise UserError(f"rates: weights of {system} do not tell theirs: give {known}")
    return rates


def rates_of_ratio(
    ratio: int, rates: tuple[int, int] | None, output_rate: int = OUTPUT_RATE
) -> tuple[int, int]:
    """The given rates, or those that follow from a ratio.

    Args:
        ratio: by which the weights multiply the rate.
        rates: Hz, of input and output; None if they are not given.
        output_rate: Hz, used if no rates are given.

    Raises:
        UserError: the rates have another ratio, or the output rate is no multiple of it.
    """
    low = max(1, output_rate // ratio)
    example = f"give --rates {low},{ratio * low}"
    if rates is None and output_rate % ratio:
        raise UserError(
            f"rates: these weights multiply the rate by {ratio}, and {output_rate} Hz is no "
            f"multiple of that: {example}"
        )
    if rates is not None and rates[1] != ratio * rates[0]:
        raise UserError(
            f"rates: {rates[1]} Hz is not {ratio} times {rates[0]} Hz, by which these weights "
            f"multiply the rate: {example}"
        )
    return rates or (low, output_rate)


def has_size(network: keras.Model, weights: int) -> bool:
    """Whether a network has this number of trainable weights, like the authors'."""
    return sum(weight.shape.num_elements() for weight in network.trainable_weights) == weights
