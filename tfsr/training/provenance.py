"""Record the software of a run and its recordings, in files beside its checkpoints."""

import dataclasses
import json
import logging
import os
import platform
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

import tfsr
from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.model_card import ModelCard, Source
from tfsr.model_config import CONFIG, ModelConfig
from tfsr.training import distribution
from tfsr.training.experiment import Experiment

VERSIONS = "versions.json"
SOURCES = "data.json"

_log = logging.getLogger("tfsr")
_WAY_OUT = "get the file again, or take it away"
_WORDS = {False: "off", True: "on"}


def write(run_dir: Path, experiment: Experiment, resumed: bool) -> None:
    """Store versions of the packages, whether oneDNN is on, and the corpora with their licences.

    If a run is resumed with another setting of oneDNN, a warning tells the effect.
    """
    if resumed:
        _tell_of_other_sums(run_dir)
    versions = {
        "tfsr": tfsr.__version__,
        "tensorflow": tf.__version__,
        "tf_keras": keras.__version__,
        "python": platform.python_version(),
        "onednn": distribution.one_dnn_is_on(),
    }
    _write(run_dir / VERSIONS, versions)
    # Its parts' runs may be gone when it is resumed.
    if not resumed or not (run_dir / SOURCES).exists():
        _write(run_dir / SOURCES, _sources(experiment))


def one_dnn() -> str:
    """ "oneDNN on" or "oneDNN off"."""
    return f"oneDNN {_WORDS[distribution.one_dnn_is_on()]}"


def sources(run_dir: str | os.PathLike) -> tuple[Source, ...]:
    """All training data of a run; empty if the run does not tell it.

    Raises:
        UserError: the file with these data is damaged.
    """
    path = Path(run_dir, SOURCES)
    told = {"training_data": _read(path, [])}
    try:
        return ModelCard.from_data(told, "the file").training_data
    except UserError as error:
        raise UserError(f"{path}: {error}; {_WAY_OUT}") from error


def _tell_of_other_sums(run_dir: Path) -> None:
    """Warn of another oneDNN setting, unless on GPUs (nothing repeats) or for too old runs."""
    path, now = run_dir / VERSIONS, distribution.one_dnn_is_on()
    told = _read(path, {})
    before = told.get("onednn", now) if isinstance(told, dict) else now
    if before != now and not tf.config.list_physical_devices("GPU"):
        _log.warning(
            "%s was trained with oneDNN %s, which is %s now: from here on it no longer repeats "
            "itself bit for bit; TF_ENABLE_ONEDNN_OPTS=%d trains it as before",
            *(run_dir, _WORDS[bool(before)], _WORDS[now], bool(before)),
        )


def _sources(experiment: Experiment) -> list[dict[str, str]]:
    """The corpora of the run, then those of its pretrained parts."""
    found = list(experiment.data.corpus.sources)
    for model in experiment.pretrained.values():
        told = map(dataclasses.asdict, _sources_of(Path(model)))
        found += [source for source in told if source not in found]
    return found


def _sources_of(trained: Path) -> tuple[Source, ...]:
    """All training data of a model folder, or of a run."""
    if (trained / CONFIG).exists():
        return ModelConfig.read(trained).card.training_data
    return sources(trained)


def _read(path: Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default
    except ValueError as error:
        raise UserError(f"{path}: is no JSON that tfsr writes ({error}); {_WAY_OUT}") from error


def _write(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2) + "\n")
