"""Checkpoints of a run: written atomically; the newest good one is found again."""

import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.model_card import ModelCard
from tfsr.training import provenance
from tfsr.upsamplers.base import Upsampler

_log = logging.getLogger("tfsr")

# Of a checkpoint, and what TensorFlow had not finished when it was killed.
_WHOLE = re.compile(r"step-(\d+)\.(?:index|data-\d+-of-\d+)")
_UNFINISHED = re.compile(r"step-\d+(?:_temp.*|\..*\.tempstate\d+)|checkpoint\.tmp.*")

_PIECE = 1 << 24

# A file cut short, overwritten, gone, or without a weight that the upsampler has.
_DAMAGED = (tf.errors.OpError, AssertionError, IndexError, ValueError)


class Checkpoints:
    """Saves checkpoints to a folder, keeps the newest, and restores one.

    Each holds the step, the upsampler with its weights, and every optimizer (moving averages
    included). There is no random state to save: data and dropout are functions of seed and step.

    Args:
        folder: folder of the checkpoints; created by the first `save`.
        upsampler: the model to save and restore; its weights and optimizers exist already.
        keep: number of checkpoints to keep.
    """

    def __init__(self, folder: Path, upsampler: Upsampler, keep: int = 3):
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._upsampler = upsampler
        self._checkpoint = tf.train.Checkpoint(upsampler=upsampler, step=self._step)
        self._folder, self._keep = folder, keep

    @property
    def step(self) -> int:
        """The step that was last saved or restored; 0 before."""
        return int(self._step.numpy())

    def save(self, step: int) -> None:
        """Save step `step`. TensorFlow writes under another name and renames.

        Raises:
            UserError: a weight is no longer finite, or the disk is full or takes no files.
        """
        self._refuse_damaged_weights(step)
        self._step.assign(step)
        try:
            self._checkpoint.write(str(self._folder / f"step-{step}"))
        except tf.errors.OpError as error:
            raise UserError(
                f"{self._folder}: step {step} cannot be saved "
                f"({error.message.rpartition('; ')[2][:200]}); make room there, and go on from "
                "the last checkpoint"
            ) from error
        self._keep_newest(step)

    def restore(self, folder: Path, for_training: bool) -> int | None:
        """Restore a folder's newest readable checkpoint; returns its step, None if there is none.

        A damaged one, for example after a full disk, is skipped with a warning. `for_training` then
        removes it, with everything else that a killed run may have left.

        Raises:
            UserError: with `for_training`, there are checkpoints, but none has all that training
                needs. So no new run replaces an old one.
        """
        if not _restore_newest(self._checkpoint, folder, for_training):
            if for_training and _newest_first(folder):
                raise UserError(
                    f"{folder}: training cannot go on from any checkpoint there; they are damaged, "
                    "or of another model: give another --run_dir, or begin with the network of "
                    f"this one by Experiment.pretrained = {{'network': '{folder.parent}'}}"
                )
            found = None
        else:
            found = self.step
        if for_training and self._folder.is_dir():
            self._keep_newest(found)
        return found

    def _keep_newest(self, last: int | None) -> None:
        """Keep the newest up to `last`, by the files: a list may be older than a kill."""
        found = [step for step in _steps(self._folder) if last is not None and step <= last]
        kept = found[: self._keep]
        if kept:  # as tf.train.latest_checkpoint and CheckpointManager read it
            listed = [f'all_model_checkpoint_paths: "step-{step}"' for step in reversed(kept)]
            text = "\n".join([f'model_checkpoint_path: "step-{kept[0]}"', *listed, ""])
            write_text(self._folder / "checkpoint", text)
        _remove_all_but(kept, self._folder)

    def _refuse_damaged_weights(self, step: int) -> None:
        for weight in self._upsampler.trainable_variables:
            if not tf.reduce_all(tf.math.is_finite(weight)):
                raise UserError(
                    f"step {step}: weight {weight.name} is no longer finite and was not saved: "
                    "lower the learning rate and resume from the last checkpoint"
                )


def newest_step(run_dir: Path) -> int:
    """The newest step among a run's checkpoints, readable or not; 0 if there is none."""
    return max(_steps(run_dir / "checkpoints"), default=0)


def take_network(network: keras.Model, run_dir: str | os.PathLike) -> None:
    """Load the newest good weights of another run's `network` into this one.

    Args:
        network: built like that run's; its weights exist already.
        run_dir: of a run whose upsampler has the attribute `network`.

    Raises:
        UserError: there is no readable checkpoint, or its network is different.
    """
    source = tf.train.Checkpoint(upsampler=tf.train.Checkpoint(network=network))
    folder = Path(run_dir) / "checkpoints"
    if not _restore_newest(source, folder, entirely=True):
        raise UserError(
            f"{run_dir}: no preset (tfsr list shows them), and no run or folder with the weights "
            f"of such a {type(network).__name__}; train one first, or name another in "
            "Experiment.pretrained"
        )


def _restore_newest(checkpoint: tf.train.Checkpoint, folder: Path, entirely: bool) -> bool:
    """Restore the newest readable checkpoint; `entirely` needs everything of it in there."""
    for path in _newest_first(folder):
        try:
            status = checkpoint.read(path)
            if entirely:
                status.assert_existing_objects_matched()
            else:
                status.expect_partial()
        except _DAMAGED as error:
            _require_readable(folder, f"{Path(path).name}.*")
            why = str(error).partition("\n")[0][:200]
            _log.warning(
                "checkpoint %s is damaged, or of another model: passed over (%s)", path, why
            )
            continue
        return True
    return False


def _require_readable(folder: Path, pattern: str) -> None:
    """Raise UserError for a file that cannot be read from the disk: it may be undamaged."""
    for path in folder.glob(pattern):
        try:
            with open(path, "rb") as file:
                while file.read(_PIECE):
                    pass
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read ({error.strerror}); nothing is removed or skipped: "
                "make it readable, or move this checkpoint away"
            ) from error


def _newest_first(folder: Path) -> list[str]:
    return [str(folder / f"step-{step}") for step in _steps(folder)]


def _steps(folder: Path) -> list[int]:
    """All steps in the folder, newest first; a stored list may be damaged like any other file."""
    found = [path.stem.removeprefix("step-") for path in folder.glob("step-*.index")]
    return sorted((int(number) for number in found if number.isdecimal()), reverse=True)


def _remove_all_but(kept: Sequence[int], folder: Path) -> None:
    """Remove indices before data; without its index, a checkpoint is not taken for whole."""
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix != ".index"):
        whole = _WHOLE.fullmatch(path.name)
        if whole and int(whole[1]) not in kept:
            path.unlink()
        elif path.is_dir() and _UNFINISHED.fullmatch(path.name):
            shutil.rmtree(path)
        elif _UNFINISHED.fullmatch(path.name):
            path.unlink()


def restore(upsampler: Upsampler, run_dir: Path) -> int:
    """Load the newest good weights of a run into `upsampler`, for any use but training.

    If the optimizer keeps moving averages of the weights, these are loaded. The card tells the
    run's training data.

    Returns:
        The step at which they were saved.

    Raises:
        UserError: the run directory holds no readable checkpoint.
    """
    upsampler.initialize()
    if upsampler.averages_weights:
        upsampler.compile()  # makes the variables that the averages are restored into
    folder = Path(run_dir) / "checkpoints"
    step = Checkpoints(folder, upsampler).restore(folder, for_training=False)
    if step is None:
        raise UserError(f"{folder}: no readable checkpoint there; train first")
    if upsampler.averages_weights:
        upsampler.take_averages()
    upsampler.card = ModelCard(training_data=provenance.sources(run_dir), steps=step)
    return step
