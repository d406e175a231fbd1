"""A trained upsampler from wherever it is: a preset, a model folder or a run."""

import os
from collections.abc import Sequence
from pathlib import Path

from tfsr import model_folder, presets
from tfsr.errors import UserError
from tfsr.model_config import CONFIG
from tfsr.training.run_model import FOLDER
from tfsr.upsamplers.base import Upsampler


def load_upsampler(
    what: str | os.PathLike, bindings: Sequence[str] = (), for_training: bool = True
) -> Upsampler:
    """A trained upsampler, with its weights and its card.

    Args:
        what: a preset's name, a folder that `Upsampler.save` wrote, or a run directory.
        bindings: of a run: settings in which it is to differ, as `--gin_param` takes them.
        for_training: False leaves out what only training needs, such as critics and losses.

    Raises:
        UserError: there is none of that name, or it cannot be read; the message says what is
            missing there.
    """
    if bindings:
        return _of_run(what, bindings)
    if str(what) in presets.names():
        return presets.load(str(what), for_training)
    for folder in Path(what), Path(what, FOLDER):
        if (folder / CONFIG).exists():
            return model_folder.load(folder, for_training)
    _check_is_run(what)
    return _of_run(what)


def _of_run(run_dir: str | os.PathLike, bindings: Sequence[str] = ()) -> Upsampler:
    """By its configuration, as runs of older versions and changed ones are."""
    from tfsr import gin_config

    return gin_config.load_run(run_dir, bindings).upsampler


def _check_is_run(what: str | os.PathLike) -> None:
    from tfsr.gin_config import OPERATIVE

    if not Path(what).is_dir():
        raise UserError(
            f"{what}: no such folder, and no preset of that name; presets are "
            f"{', '.join(presets.names())}"
        )
    if not Path(what, OPERATIVE).exists():
        raise UserError(
            f"{what}: holds no run and no model: neither {CONFIG}, which Upsampler.save writes, "
            f"nor {FOLDER} or {OPERATIVE}, which python -m tfsr.train --run_dir {what} makes"
        )
