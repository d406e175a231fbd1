"""`config.json`, the description in a model folder; it is read without TensorFlow.

    {
      "format": 2,
      "made_by": "tfsr 0.1.0",
      "input_rate": 8000, "output_rate": 16000, "latency_ms": null,
      "weights": {"size": 3300000, "sha256": "..."},
      "card": {"description": "...", "training_data": [{"corpus": "...", "licence": "..."}], ...},
      "model": {"class": "Spectral", "arguments": {...}}
    }

Beside it lies `weights.h5`. There may be TensorFlow Lite files too. `model.tflite` is for whole
recordings, `stream.tflite` for one stream and `streams.tflite` for many streams at once.
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
"""In a run directory: the model's folder, and the configuration that made the run."""

FORMAT = 2
"""Format of `config.json`; this version of tfsr may not understand a later one."""

_LARGEST = 4_000_000
_NUMBER = (int, float, type(None))
_KINDS: Mapping[str, Kind] = {
    **{"format": int, "made_by": str, "input_rate": int, "output_rate": int, "latency_ms": _NUMBER},
    **{"weights": dict, "card": dict, "model": dict},
}
_SEAL: Mapping[str, Kind] = {"size": int, "sha256": str}


@dataclasses.dataclass(frozen=True)
class Seal:
    """Size in bytes and SHA-256 in hexadecimal digits, to check that a file is unchanged."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: str | os.PathLike) -> "Seal":
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(os.path.getsize(path), digest)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The description of a model.

    Attributes:
        model: class and arguments, as `tfsr.description` writes them.
        input_rate, output_rate: Hz.
        latency_ms: for a model that runs on streams, see `Upsampler`; None: it needs whole
            recordings.
        weights: seal of `weights.h5`.
        card: the model card.
        made_by: the version of tfsr that wrote it.
        entire: whether the model has all parts that the weights file has. A description of format
            1 is read without discriminators.
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
        """Highest frequency of its input."""
        return self.input_rate / 2

    def write(self, folder: str | os.PathLike) -> None:
        """Write the description into a folder."""
        data = {"format": FORMAT} | {
            name: getattr(self, name) for name in _KINDS if name != "format"
        }
        data |= {"weights": dataclasses.asdict(self.weights), "card": self.card.to_data()}
        text = json.dumps(data, indent=1, allow_nan=False, ensure_ascii=False)
        Path(folder, CONFIG).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: str | os.PathLike) -> "ModelConfig":
        """Read the description in a folder.

        Raises:
            UserError: none can be read; the message names the file and the place in it.
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
    """Refuse NaN and Infinity, which JSON does not have."""
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
