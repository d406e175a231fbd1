"""The model of a run, as the folder that it can be opened from without its configuration."""

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
    """Put the model as it is at a step in the place of the one before.

    Its weights are those that evaluation uses: moving averages where an optimizer keeps them.
    """
    upsampler.card = dataclasses.replace(upsampler.card, steps=step)
    with upsampler.averages():
        model_folder.save(upsampler, run_dir / RUN_MODEL, replace=True)


def is_of(run_dir: Path, step: int) -> bool:
    """Whether the model of this step is there; a run may have been killed before it was."""
    try:
        return ModelConfig.read(run_dir / RUN_MODEL).card.steps == step
    except UserError:  # none, or one of an earlier tfsr that this one does not read
        return False


def can_be_written(upsampler: Upsampler) -> bool:
    """Whether it has tfsr's parts only; a warning says what else there is."""
    try:
        describe(upsampler)
    except UserError as error:
        _log.warning("the run gets no folder %s: %s", RUN_MODEL, error)
        return False
    return True
