"""What an exported upsampler tells of itself, and the seal that shows whether it is as it was made.

A SavedModel has it in `assets.extra/tfsr.json`, with the SHA-256 of each of its other files. A
TensorFlow Lite file has it as the metadata entry TFSR_PROPERTIES; its "sha256" is that of the file
with 64 zeros in the place of these digits.
"""

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import tfsr
from tfsr.errors import UserError
from tfsr.upsamplers.base import Upsampler

FILE = Path("assets.extra", "tfsr.json")
"""`assets.extra` is for files that no graph reads."""

Properties = dict[str, Any]

_OPEN = b"0" * 64


def of(upsampler: Upsampler) -> Properties:
    """Version, rates in Hz, what calls and chunks must know, and the training data's licences."""
    names = "input_rate", "output_rate", "ratio", "noise_steps", "receptive_field", "hop"
    return {
        "tfsr": tfsr.__version__,
        **{name: getattr(upsampler, name) for name in (*names, "latency_ms")},
        "training_data": [dataclasses.asdict(source) for source in upsampler.card.training_data],
    }


def licences(properties: Properties) -> str:
    """Those of the training data, in one line."""
    found = dict.fromkeys(source["licence"] for source in properties["training_data"])
    return "; ".join(found) or "unknown"


def write(folder: Path, properties: Properties) -> None:
    """Put them into a SavedModel that is otherwise complete."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    content = properties | {"sha256": _digests(folder)}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read(folder: str | os.PathLike) -> Properties:
    """Those of a SavedModel.

    Raises:
        UserError: it has none, or its files are not those that were written.
    """
    try:
        content = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no SavedModel of tfsr's ({FILE} cannot be read)") from error
    if content.pop("sha256") != _digests(Path(folder)):
        raise _changed(folder)
    return content


def entry(properties: Properties) -> bytes:
    """Those of a TensorFlow Lite file, whose seal is open."""
    return json.dumps(properties | {"sha256": _OPEN.decode()}).encode()


def sealed(file: bytes) -> bytes:
    """A TensorFlow Lite file with an `entry` in it, whose seal is open."""
    return _seal(file, _digest(file))


def parse(path: str | os.PathLike, file: bytes, entry: bytes) -> Properties:
    """The properties in an `entry` of a file that `sealed` gave.

    Raises:
        UserError: the file has changed since; the message names `path`.
    """
    content = json.loads(entry)
    if content.pop("sha256").encode() != _digest(_seal(file, _OPEN)):
        raise _changed(path)
    return content


def _seal(file: bytes, digits: bytes) -> bytes:
    return re.sub(rb'(?<="sha256": ")[0-9a-f]{64}(?=")', digits, file)


def _digests(folder: Path) -> dict[str, str]:
    """Of each file but the properties' own, by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    digests = (_digest(path.read_bytes()).decode() for path in files)
    return dict(zip((path.relative_to(folder).as_posix() for path in files), digests, strict=True))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _changed(path: str | os.PathLike) -> UserError:
    return UserError(f"{path}: is not as it was exported (SHA-256); copy or export it again")
