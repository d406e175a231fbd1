"""Write a model as a folder and open it again; `tfsr.model_config` describes its files.

A folder is data only. There is no pickle, and no name in it is imported or called.
"""

import collections
import contextlib
import io
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
import tf_keras as keras

import tfsr
from tfsr.atomic_files import new_folder, replaced_folder
from tfsr.description.build import build, made
from tfsr.description.classes import CLASSES, named
from tfsr.description.describe import describe
from tfsr.errors import UserError
from tfsr.model_config import CONFIG, WEIGHTS, ModelConfig, Seal

# Names that Keras and HDF5 give to single files.
_OF_FILES = (".keras", ".h5", ".hdf5", ".tflite")

# Beside the names of its attributes a Keras model has these for its layers; some have them alone.
_BY_NUMBER = ("layer-", "layer_with_weights-")
_NO_PARTS = keras.metrics.Metric | keras.optimizers.Optimizer


def save(
    model: keras.Model,
    folder: str | os.PathLike,
    half_precision: bool = False,
    replace: bool = False,
) -> None:
    """Write an upsampler into a folder, so that `load` can rebuild it.

    Args:
        model: an `Upsampler` whose weights exist. Its `card` is written too.
        folder: must be new or empty. It appears when everything is written.
        half_precision: store weights in float16, in half the space. They are read as float32.
        replace: replace an older folder.

    Raises:
        UserError: the folder is not empty, or its name is that of a file. Or a part of the model is
            not of tfsr's classes, or some weights are not finite.
    """
    if Path(folder).suffix in _OF_FILES:
        raise UserError(
            f"{folder}: a model is saved as a folder: give a name without {Path(folder).suffix}; "
            "save_weights writes a file of the weights alone"
        )
    description = describe(model)
    with (replaced_folder if replace else new_folder)(folder) as part:
        _write_weights(model, part / WEIGHTS, np.float16 if half_precision else None)
        ModelConfig(
            model=description,
            input_rate=model.input_rate,
            output_rate=model.output_rate,
            latency_ms=model.latency_ms,
            weights=Seal.of(part / WEIGHTS),
            card=model.card,
            made_by=f"tfsr {tfsr.__version__}",
        ).write(part)


def load(folder: str | os.PathLike, for_training: bool = True) -> keras.Model:
    """Rebuild the upsampler of a folder that `save` wrote, with its weights.

    Args:
        folder: a folder with `config.json` and `weights.h5`.
        for_training: False leaves out what only training needs, such as discriminators and losses.

    Raises:
        UserError: a file is missing, damaged or changed; the message names it.
    """
    config = ModelConfig.read(folder)
    path = _checked_weights(config, Path(folder))
    with random_state_kept():
        model = _model(config, for_training, str(Path(folder, CONFIG)))
    _assign(_weights(model), path, entirely=for_training and config.entire)
    model.card = config.card
    return model


def take_network(network: keras.Model, folder: str | os.PathLike) -> None:
    """Load the weights of a folder's `network` into this one.

    Args:
        network: built like that of the folder; its weights exist already.
        folder: of an upsampler whose attribute `network` is such a network.

    Raises:
        UserError: a file is missing, damaged or changed, or its network is different.
    """
    path = _checked_weights(ModelConfig.read(folder), Path(folder))
    weights = {f"network/{name}": weight for name, weight in _weights(network).items()}
    built = f"this network; only one that is built like that of {folder} can begin with its weights"
    _assign(weights, path, entirely=False, wanted_by=built)


def _checked_weights(config: ModelConfig, folder: Path) -> Path:
    """The file of the weights, which is as it was made."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise UserError(f"{path}: is missing; get the folder again")
    if Seal.of(path) != config.weights:
        raise UserError(f"{path}: is not as it was made (SHA-256); get the folder again")
    return path


def _model(config: ModelConfig, for_training: bool, file: str) -> keras.Model:
    """The upsampler, before its weights are read."""
    try:
        cls = named(config.model.get("class"), CLASSES, "model")
        unwanted = {} if for_training else getattr(cls, "training_only", {})
        model = build(_without(config.model, unwanted))
        _check(model, config)
        made(model.initialize, "model", cls.__name__)
        return model
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def _without(description: Mapping[str, Any], unwanted: Mapping[str, Any]) -> dict[str, Any]:
    arguments = description.get("arguments")
    if not unwanted or not isinstance(arguments, dict):
        return dict(description)
    changed = {name: value for name, value in unwanted.items() if name in arguments}
    return {**description, "arguments": {**arguments, **changed}}


def _check(model: Any, config: ModelConfig) -> None:
    """Check that it is an upsampler with the rates of the configuration."""
    if not hasattr(model, "upsample"):
        raise UserError(f"model: {type(model).__name__} is no upsampler")
    rates = model.input_rate, model.output_rate
    if rates != (config.input_rate, config.output_rate):
        raise UserError(
            f"model: makes {rates[1]} Hz of {rates[0]}, the file says {config.output_rate} of "
            f"{config.input_rate}"
        )


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Keep the random state: initial weights are drawn, and later draws must not change."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _write_weights(model: keras.Model, path: Path, dtype: type | None) -> None:
    # In memory first: on a full disk HDF5 itself may end the process.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, weight in _weights(model).items():
            value = weight.numpy()
            if dtype is not None and np.issubdtype(value.dtype, np.floating):
                value = value.astype(dtype)
            if not np.all(np.isfinite(value)):
                raise UserError(f"{model.name}: the weight {name} is not finite, so not saved")
            file.create_dataset(name, data=value, track_times=False)
    path.write_bytes(content.getbuffer())


def _assign(
    weights: Mapping[str, tf.Variable], path: Path, entirely: bool, wanted_by: str = CONFIG
) -> None:
    """Read the weights; UserError unless they fit. A file may have more if not `entirely`."""
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: is no HDF5 file")
    with h5py.File(path, "r") as file:
        found = _datasets(file)
        strange = weights.keys() ^ found.keys() if entirely else weights.keys() - found.keys()
        if strange:
            raise UserError(f"{path}: {min(strange)} is not in both file and {wanted_by}")
        for name, weight in weights.items():
            if found[name].shape != tuple(weight.shape) or found[name].dtype.kind not in "fiu":
                raise UserError(f"{path}: {name} has another shape or type than in {wanted_by}")
            weight.assign(found[name][()].astype(weight.dtype.as_numpy_dtype))


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found = {}
    file.visititems(lambda name, item: found.update({name: item} if _is_data(item) else {}))
    return found


def _is_data(item: Any) -> bool:
    """Whether it is a data set of the file: not a group, and not a link to another file."""
    return isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual


def _weights(model: keras.Model) -> dict[str, tf.Variable]:
    """All weights, named by the attributes that lead to them, as in checkpoints.

    Keras numbers its names within a process, and the order of its list changes with the code.
    """
    counted = [v.ref() for metric in model.metrics for v in metric.variables]
    wanted = {weight.ref() for weight in model.weights}.difference(counted)
    found = {name: part for name, part in _parts(model) if isinstance(part, tf.Variable)}
    found = {name: part for name, part in found.items() if part.ref() in wanted}
    if len(found) < len(wanted):
        raise ValueError(f"{model.name} has weights that no attribute leads to")
    return found


def _parts(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """All parts of a model, once each, with the shortest path of attributes to it."""
    view, seen = tf.train.TrackableView(model), {}
    waiting: collections.deque[tuple[str, Any]] = collections.deque([("", model)])
    by_number: collections.deque[tuple[str, Any]] = collections.deque()
    while waiting or by_number:
        path, part = (waiting or by_number).popleft()
        if id(part) in seen or isinstance(part, _NO_PARTS):
            continue
        seen[id(part)] = part
        yield path, part
        for name, child in view.children(part).items():
            queue = by_number if name.startswith(_BY_NUMBER) else waiting
            queue.append((f"{path}/{name}".lstrip("/"), child))
