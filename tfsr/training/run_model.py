"""The model folder of a run, from which it can be opened without its configuration."""

import dataclasses
import logging
from pathlib import Path

from tfsr import model_folder
from tfsr.description.describe import describe
from tfsr.errors import UserError
from tfsr.model_config import RUN_MODEL, ModelConfig
from tfsr.upsamplers.base import Upsampler

_log = logging.getLogger("tfsr")


def write(upsampler: Upsampler, run_dir: Path, step: int) -> None:
    """Write the model of a step, and replace the one before.

    It has the weights of evaluation: moving averages if an optimizer keeps them.
    """
    upsampler.card = dataclasses.replace(upsampler.card, steps=step)
    with upsampler.averages():
        model_folder.save(upsampler, run_dir / RUN_MODEL, replace=True)


def is_of(run_dir: Path, step: int) -> bool:
    """Whether the model of this step exists; the run may have been killed before."""
    try:
        return ModelConfig.read(run_dir / RUN_MODEL).card.steps == step
    except UserError:  # none, or one of an earlier tfsr that this one does not read
        return False


def can_be_written(upsampler: Upsampler) -> bool:
    """Whether it has only tfsr's parts; a warning names other parts."""
    try:
        describe(upsampler)
    except UserError as error:
        _log.warning("the run gets no folder %s: %s", RUN_MODEL, error)
        return False
    return True
