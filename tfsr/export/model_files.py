"""The TensorFlow Lite files of a model folder, which run without TensorFlow."""

import os
from pathlib import Path

import h5py

from tfsr import model_folder
from tfsr.atomic_files import new_folder
from tfsr.export.quantization import QUANTIZATIONS
from tfsr.export.tflite import export_tflite
from tfsr.model_config import MODEL_TFLITE, STREAM_TFLITE, STREAMS_TFLITE, WEIGHTS
from tfsr.upsamplers.base import Upsampler


def save(upsampler: Upsampler, folder: str | os.PathLike, half_precision: bool = False) -> None:
    """Write a model folder as `tfsr.model_folder.save`, with the TensorFlow Lite files.

    Models that use noise get no such files, and neither do those whose chunks are cross-faded.
    Only TensorFlow processes their long recordings in parts.

    Raises:
        UserError: as in `tfsr.model_folder.save`; or TensorFlow Lite cannot run the model.
    """
    with new_folder(folder) as part:
        model_folder.save(upsampler, part, half_precision)
        if not upsampler.noise_steps and upsampler.context is None:
            write_tflite(part)


def write_tflite(folder: str | os.PathLike) -> list[Path]:
    """Put `model.tflite` into a model folder, and two more files if the model streams.

    They are `stream.tflite`, for one stream, and `streams.tflite`, for many at once. Older files
    are replaced. Their weights are in float16 if those of `weights.h5` are, so that both compute
    with the same numbers.

    Returns:
        The files that were written.

    Raises:
        UserError: the folder holds no model, or TensorFlow Lite cannot run the model.
    """
    upsampler = model_folder.load(folder, for_training=False)
    kind = QUANTIZATIONS["exact_float16"] if _is_half(Path(folder, WEIGHTS)) else None
    files = {MODEL_TFLITE: (False, False)}
    if upsampler.streams is not None:
        files |= {STREAM_TFLITE: (True, False), STREAMS_TFLITE: (True, True)}
    for name, (streaming, many) in files.items():
        export_tflite(upsampler, Path(folder, name), kind, streaming=streaming, many=many)
    return [Path(folder, name) for name in files]


def _is_half(path: Path) -> bool:
    """Whether any weight is stored in half precision."""
    with h5py.File(path, "r") as file:
        found = []
        file.visititems(lambda _, item: found.append(getattr(item, "dtype", None) == "float16"))
    return any(found)
