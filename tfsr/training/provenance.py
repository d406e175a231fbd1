"""What a run was made with, and of which recordings, in files beside its checkpoints."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

import tfsr
from tfsr.complete import write_text
from tfsr.training.experiment import Experiment

VERSIONS = "versions.json"
SOURCES = "data.json"


def write(run_dir: Path, experiment: Experiment) -> None:
    """Keep the versions of the packages, and the corpora with their licences."""
    versions = {
        "tfsr": tfsr.__version__,
        "tensorflow": tf.__version__,
        "tf_keras": keras.__version__,
        "python": platform.python_version(),
    }
    _write(run_dir / VERSIONS, versions)
    if not (run_dir / SOURCES).exists():  # its parts' runs may be gone when it is resumed
        _write(run_dir / SOURCES, _sources(experiment))


def sources(run_dir: str | os.PathLike) -> list[dict[str, str]]:
    """ "corpus" and "licence" of all that a run has learnt from; none where it does not tell."""
    path = Path(run_dir, SOURCES)
    return json.loads(path.read_text()) if path.exists() else []


def _sources(experiment: Experiment) -> list[dict[str, str]]:
    """Those that its parts were trained on come after its own."""
    found = list(experiment.data.corpus.sources)
    for run_dir in experiment.pretrained.values():
        found += [source for source in sources(run_dir) if source not in found]
    return found


def _write(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2) + "\n")
