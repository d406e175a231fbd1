"""Load a trained model: a preset, a model folder, a run or an exported file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tfsr import presets
from tfsr.arguments import path
from tfsr.backend import Backend, Streams
from tfsr.errors import UserError
from tfsr.lite.backend import ExportedBackend, LiteBackend, checked
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import processors
from tfsr.lite.streams import LiteStreams
from tfsr.model import Model
from tfsr.model_card import ModelCard
from tfsr.model_config import (
    CONFIG,
    MODEL_TFLITE,
    OPERATIVE,
    RUN_MODEL,
    STREAM_TFLITE,
    STREAMS_TFLITE,
    ModelConfig,
)
from tfsr.optional_imports import needed_by
from tfsr.seal import Properties

if TYPE_CHECKING:  # to upsample needs no TensorFlow
    from tfsr.upsamplers.base import Upsampler

Which: TypeAlias = "str | os.PathLike | Model | Upsampler"
"""The types that `load` takes."""

_EXPORTED, _SAVED_MODEL = ".tflite", "saved_model.pb"


def load(
    what: Which,
    bindings: Sequence[str] = (),
    threads: int | None = None,
    allow_import: Sequence[str] = (),
) -> Model:
    """A trained model.

    Args:
        what: the model. A name is a preset. A folder is one that `Model.save` wrote, or a run
            directory. A TensorFlow Lite file or SavedModel is one that `tfsr.export` wrote. An
            upsampler of your own becomes a model too.
        bindings: for a run: settings to change, as `--gin_param` takes them.
        threads: CPU threads of LiteRT; None: one for each processor. For several recordings at
            once, use one thread each.
        allow_import: modules of your own that a run's configuration may import. This is for a run
            with bindings or without a folder `model`. Nothing else in a run or folder is ever run
            as code.

    Returns:
        The model. Its weights are read at the first use.

    Raises:
        UserError: there is no such model; the message says what is missing.

    >>> import tfsr
    >>> tfsr.load("speech-16k-x2")
    <tfsr.Model speech-16k-x2, 8000 to 16000 Hz>
    """
    if isinstance(what, Model):
        return what
    is_upsampler = hasattr(what, "upsample") and hasattr(what, "card")
    if is_upsampler and not isinstance(what, str | os.PathLike):
        return Model(what.name, upsampler=lambda: what)
    name = path("model", what)
    folder = None if bindings else _model_folder(name)
    if folder:
        return _of_folder(name, folder, threads or processors())
    if os.path.exists(os.path.join(name, _SAVED_MODEL)):
        return _of_saved_model(name)
    if name.endswith(_EXPORTED) or os.path.isfile(name):
        return _of_file(name, threads or processors())
    if not bindings:
        _check_is_run(name)
    return Model(name, upsampler=lambda: _of_run(name, bindings, allow_import))


def load_upsampler(
    what: str | os.PathLike,
    bindings: Sequence[str] = (),
    for_training: bool = True,
    allow_import: Sequence[str] = (),
) -> Upsampler:
    """The Keras model, with its weights and its card.

    Args:
        what, bindings, allow_import: see `load`.
        for_training: False leaves out what only training needs, such as critics and losses.

    Raises:
        UserError: as in `load`; or it is an exported file, which has no Keras model.
    """
    name = path("model", what)
    folder = None if bindings else _model_folder(name)
    if folder:
        return _keras(folder, for_training)
    return load(what, bindings, allow_import=allow_import).upsampler


def load_streams(what: str | os.PathLike, many: bool = False) -> Streams:
    """The model in the form that runs on streams.

    Args:
        many: prefer the form for many streams at once, if the model has a file for that.

    Raises:
        UserError: as in `load`; or the model needs whole recordings.
    """
    folder = _model_folder(path("model", what))
    if many and folder and (folder / STREAMS_TFLITE).exists():
        return LiteStreams(folder / STREAMS_TFLITE)
    return load(what).streams


def is_described(what: str | os.PathLike) -> bool:
    """Whether the model is in a folder that opens as data, without a configuration."""
    return _model_folder(path("model", what)) is not None


def _model_folder(name: str) -> Path | None:
    """The model folder of a preset or a run, or the folder itself; None: there is none."""
    folder = presets.located(name)
    folders = folder, folder / RUN_MODEL
    return next((one for one in folders if os.path.exists(one / CONFIG)), None)


def _of_folder(name: str, folder: Path, threads: int) -> Model:
    config = ModelConfig.read(folder)
    return Model(
        name,
        upsampler=lambda: _keras(folder),
        about=lambda: config,
        backend=_if_there(folder / MODEL_TFLITE, functools.partial(_lite, config, threads=threads))
        or (lambda: _keras(folder, False)),
        streams=_if_there(folder / STREAM_TFLITE, LiteStreams),
    )


def _lite(config: ModelConfig, file: Path, threads: int) -> LiteBackend:
    """The file's backend, checked against the rates in the folder's description."""
    made = LiteBackend(file, threads)
    told, rates = (config.input_rate, config.output_rate), (made.input_rate, made.output_rate)
    if told != rates:
        raise UserError(
            f"{file}: makes {rates[1]} Hz of {rates[0]}, {CONFIG} says {told[1]} of {told[0]}; get "
            "the folder again"
        )
    return made


def _if_there(file: Path, opened: Callable) -> Callable | None:
    return functools.partial(opened, file) if file.exists() else None


def _keras(folder: Path, for_training: bool = True) -> Upsampler:
    with needed_by(f"{folder.name}: the Keras model"):
        from tfsr import model_folder

    return model_folder.load(folder, for_training)


def _of_file(name: str, threads: int) -> Model:
    about = _Told(read_properties(name))
    return Model(
        name,
        about=lambda: about,
        backend=lambda: LiteBackend(name, threads),
        streams=lambda: LiteStreams(name),
    )


def _of_saved_model(name: str) -> Model:
    with needed_by(f"{name}: a SavedModel"):
        from tfsr.export import artifact, properties

    told = properties.read(name)
    about = _Told(told | {"latency_ms": None})  # here it wants whole recordings

    def backend() -> Backend:
        return ExportedBackend(checked(name, told), artifact.saved_model(name))

    return Model(name, about=lambda: about, backend=backend)


class _Told:
    """What an exported file tells about itself."""

    def __init__(self, properties: Properties):
        self.input_rate, self.output_rate = properties["input_rate"], properties["output_rate"]
        self.latency_ms = properties["latency_ms"]
        self.card = ModelCard.from_data({"training_data": properties["training_data"]})


def _of_run(run_dir: str, bindings: Sequence[str], allow_import: Sequence[str]) -> Upsampler:
    """A run by its configuration, for runs of older versions and for changed settings."""
    with needed_by(f"{run_dir}: a run"):
        from tfsr import gin_config

    return gin_config.load_run(run_dir, bindings, allow_import=allow_import).upsampler


def _check_is_run(name: str) -> None:
    if not os.path.isdir(name):
        raise UserError(
            f"{name}: no such folder, and no preset of that name; presets are "
            f"{', '.join(presets.names())}"
        )
    if not Path(name, OPERATIVE).exists():
        raise UserError(
            f"{name}: holds no run and no model: neither {CONFIG}, which Model.save writes, nor "
            f"{RUN_MODEL} or {OPERATIVE}, which python -m tfsr.train --run_dir {name} makes"
        )
