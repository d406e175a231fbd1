"""Turn a file that authors published into a model; its weights tell the system."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tfsr.convert import apbwe, checkpoint, nuwave, voicefixer, wsrglow
from tfsr.convert.converted import Converted, System
from tfsr.convert.tensors import Tensor
from tfsr.errors import UserError
from tfsr.model_card import ModelCard, Source

SYSTEMS = (nuwave.SYSTEM, apbwe.SYSTEM, wsrglow.SYSTEM, voicefixer.SYSTEM)

# Where trainers keep the weights that are used, beside the state of optimizers.
_PARTS = ("state_dict", "generator")
# Of what is passed over, so many lines are read with ease.
_LINES = 12


def convert(
    path: str | os.PathLike,
    rates: tuple[int, int] | None = None,
    vocoder: str | os.PathLike | None = None,
    **options: Any,
) -> tuple[System, Converted]:
    """The system of a file, and the model with the file's weights and a filled card.

    Args:
        path: a checkpoint of PyTorch, or a safetensors file.
        rates: Hz, of input and output; None if the file tells them.
        vocoder: the file of VoiceFixer's vocoder, for its analysis.
        options: options of one system: `mode` of VoiceFixer, `float32_schedule` of NU-Wave.

    Raises:
        UserError: the file cannot be read, is of an unknown system, or does not tell its rates. Or
            the system has no such option.
    """
    read = checkpoint.read(path)
    tensors = _tensors(read)
    if vocoder is not None:
        options["vocoder"] = _tensors(checkpoint.read(vocoder))
    with checkpoint.errors_of(path):
        system = _system(tensors)
        for name in options.keys() - set(system.options):
            raise UserError(f"`{name}` is no option of {system.name}: leave it out")
        told = {"rates": None} | system.told(read)
        given = options if rates is None else options | {"rates": rates}
        made = system.converted(tensors, **told | given)
    made.upsampler.card = card(system, made)
    return system, made


def card(system: System, made: Converted) -> ModelCard:
    """The card of a converted model."""
    upsampler = made.upsampler
    figures = {
        f"{protocol} (published by the authors, not measured here)": scores
        for protocol, scores in system.published(upsampler).items()
    }
    return dataclasses.replace(
        upsampler.card,
        description=f"{title(system, made)}, weights of the authors' code ({system.source})",
        training_data=(Source("what the authors of the weights chose", system.terms),),
        parameters=upsampler.count_params(),
        scores=figures,
        test_set=f"that of the paper ({system.paper})" if figures else "",
    )


def title(system: System, made: Converted) -> str:
    """System and rates, in a few words."""
    part, upsampler = made.part and f", {made.part} alone", made.upsampler
    return f"{system.name}{part}, {upsampler.input_rate} to {upsampler.output_rate} Hz"


def summary(names: Iterable[str]) -> list[str]:
    """Names in a few lines, each with the number of names it stands for; digits become *.

    If there are more than 12 lines, the ends of names are left out, as far as necessary.
    """
    patterns = [re.sub(r"\d+", "*", name).split(".") for name in names]
    lines: list[str] = []
    for depth in range(max(map(len, patterns), default=0), 0, -1):
        counts = Counter(
            ".".join(parts[:depth]) + ".*" * (len(parts) > depth) for parts in patterns
        )
        lines = [f"{name} ({count})" if count > 1 else name for name, count in counts.items()]
        if len(lines) <= _LINES:
            break
    return lines


def _system(tensors: Mapping[str, Tensor]) -> System:
    """The system with these weights.

    Raises:
        UserError: there is none; the message has some of the names, and a remedy.
    """
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    for system in SYSTEMS:
        if system.recognised(shapes):
            return system
    advice = next((said for system in SYSTEMS if (said := system.advice(tensors))), "")
    known = ", ".join(system.name for system in SYSTEMS)
    raise UserError(
        f"has the weights of none of {known}, but {_some(list(tensors))}"
        f"{'; ' * bool(advice)}{advice}"
    )


def _tensors(read: checkpoint.Checkpoint) -> Mapping[str, Tensor]:
    content = read.content if isinstance(read.content, dict) else {}
    parts = [part for part in _PARTS if isinstance(content.get(part), dict)]
    return read.entries(*parts[:1])


def _some(names: list[str]) -> str:
    return f"{', '.join(name[:60] for name in names[:5])}{', ...' * (len(names) > 5)}"
