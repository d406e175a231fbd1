"""`config.json`, by which a model folder tells what it is; read without TensorFlow.

    {
      "format": 2,
      "made_by": "tfsr 0.1.0",
      "input_rate": 8000, "output_rate": 16000, "latency_ms": null,
      "weights": {"size": 3300000, "sha256": "..."},
      "card": {"description": "...", "training_data": [{"corpus": "...", "licence": "..."}], ...},
      "model": {"class": "Spectral", "arguments": {...}}
    }

Beside it lie `weights.h5` and, where the model can be run so, `model.tflite` for whole recordings
`stream.tflite` for a stream and `streams.tflite` for many streams at once.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from tfsr.description.earlier import from_format_1
from tfsr.errors import UserError
from tfsr.model_card import Kind, ModelCard, check

CONFIG, WEIGHTS = "config.json", "weights.h5"
MODEL_TFLITE, STREAM_TFLITE = "model.tflite", "stream.tflite"
STREAMS_TFLITE = "streams.tflite"

RUN_MODEL, OPERATIVE = "model", "operative_config.gin"
"""In a run directory: the model's folder, and the configuration that it was made by."""

FORMAT = 2
"""Of `config.json`; a later one may say what this version of tfsr cannot know."""

_LARGEST = 4_000_000
_NUMBER = (int, float, type(None))
_KINDS: Mapping[str, Kind] = {
    **{"format": int, "made_by": str, "input_rate": int, "output_rate": int, "latency_ms": _NUMBER},
    **{"weights": dict, "card": dict, "model": dict},
}
_SEAL: Mapping[str, Kind] = {"size": int, "sha256": str}


@dataclasses.dataclass(frozen=True)
class Seal:
    """What a file must be like to be the one that was written: bytes, and hexadecimal digits."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: str | os.PathLike) -> "Seal":
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(os.path.getsize(path), digest)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model, described.

    Attributes:
        model: class and arguments, as `tfsr.description` writes them.
        input_rate, output_rate: Hz.
        latency_ms: of one that runs on streams, see `Upsampler`; None: whole recordings.
        weights: of `weights.h5`.
        card: what is known of it.
        made_by: the version of tfsr that wrote it.
        entire: whether the model is all that the weights were written for; a description of
            format 1 is read without discriminators.
    """

    model: Mapping[str, Any]
    input_rate: int
    output_rate: int
    latency_ms: float | None
    weights: Seal
    card: ModelCard = ModelCard()
    made_by: str = ""
    entire: bool = True

    @property
    def bandwidth_hz(self) -> float:
        """Up to where its input reaches."""
        return self.input_rate / 2

    def write(self, folder: str | os.PathLike) -> None:
        """Put it into a folder."""
        data = {"format": FORMAT} | {
            name: getattr(self, name) for name in _KINDS if name != "format"
        }
        data |= {"weights": dataclasses.asdict(self.weights), "card": self.card.to_data()}
        text = json.dumps(data, indent=1, allow_nan=False, ensure_ascii=False)
        Path(folder, CONFIG).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: str | os.PathLike) -> "ModelConfig":
        """That of a folder.

        Raises:
            UserError: it has none that can be read; the message names the file and the place in it.
        """
        path = Path(folder, CONFIG)
        try:
            return cls._from_data(_parsed(path))
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    @classmethod
    def _from_data(cls, data: Any) -> "ModelConfig":
        written = data.get("format") if isinstance(data, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise UserError(f"is of format {written}; a newer tfsr than this one reads it")
        if isinstance(written, int) and written < 1:
            raise UserError(f"is of format {written}, which there is not; get the folder again")
        check(data, _KINDS, "the file", _KINDS)
        check(data["weights"], _SEAL, "weights", _SEAL)
        for name in "input_rate", "output_rate":
            if data[name] < 1:
                raise UserError(f"the file.{name}: wants a number above 0, not {data[name]}")
        others = {name: value for name, value in data.items() if name != "format"}
        others["weights"] = Seal(**data["weights"])
        others["card"] = ModelCard.from_data(data["card"])
        if written == 1:
            others |= {"model": from_format_1(data["model"]), "entire": False}
        return cls(**others)


def _refuse_no_number(word: str) -> NoReturn:
    """NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{word} is no number")


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"has more than {_LARGEST} bytes, which no model needs")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_no_number)
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"is no JSON that tfsr writes ({error})") from error
