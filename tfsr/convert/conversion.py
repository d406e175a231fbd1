"""From a file that authors published to a model: which system it is of is told by its weights."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfsr.convert import apbwe, checkpoint, nuwave, voicefixer, wsrglow
from tfsr.convert.converted import Converted
from tfsr.errors import UserError
from tfsr.model_card import ModelCard, Source

SYSTEMS = {"NU-Wave": nuwave, "AP-BWE": apbwe, "WSRGlow": wsrglow, "VoiceFixer": voicefixer}

# Where trainers keep the weights that are used, beside the state of optimizers.
_PARTS = ("state_dict", "generator")


def convert(
    path: str | os.PathLike,
    rates: tuple[int, int] | None = None,
    vocoder: str | os.PathLike | None = None,
) -> tuple[str, Converted]:
    """The system whose weights a file has, and the model with them, its card filled.

    Args:
        path: a checkpoint of PyTorch, or a safetensors file.
        rates: Hz, of input and output; None where the weights tell them.
        vocoder: the file of VoiceFixer's vocoder, for its analysis.

    Raises:
        UserError: the file cannot be read, is of no system that is known here, or does not tell
            its rates.
    """
    tensors = _tensors(path)
    more = {} if vocoder is None else {"vocoder": _tensors(vocoder)}
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    for name, system in SYSTEMS.items():
        if system.recognised(shapes):
            try:
                made = _converted(system, tensors, rates, **more)
            except UserError as error:
                raise UserError(f"{path}: {error}") from error
            made.upsampler.card = card(name, made)
            return name, made
    raise UserError(
        f"{path}: has the weights of none of {', '.join(SYSTEMS)}, but {_some(list(tensors))}"
    )


def _converted(system: Any, tensors: Mapping, rates: tuple[int, int] | None, **more: Mapping):
    # Only systems of two files say whether they want the second one.
    if more and not hasattr(system, "wants_vocoder"):
        raise UserError("has no vocoder: leave --vocoder out")
    return system.converted(tensors, rates, **more)


def card(name: str, made: Converted) -> ModelCard:
    """What is known of a converted model."""
    upsampler = made.upsampler
    return dataclasses.replace(
        upsampler.card,
        description=f"{name}, {upsampler.input_rate} to {upsampler.output_rate} Hz, weights of its "
        f"authors ({made.source})",
        training_data=(Source("what its authors trained on", made.licence),),
    )


def _tensors(path: str | os.PathLike) -> Mapping[str, np.ndarray]:
    read = checkpoint.read(path)
    content = read.content if isinstance(read.content, dict) else {}
    parts = [part for part in _PARTS if isinstance(content.get(part), dict)]
    return read.state_dict(*parts[:1])


def _some(names: list[str]) -> str:
    return f"{', '.join(name[:60] for name in names[:5])}{', ...' * (len(names) > 5)}"
