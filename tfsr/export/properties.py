"""The description of an exported upsampler, and a SavedModel's seal.

A SavedModel has its description in `assets.extra/tfsr.json`. It includes the SHA-256 of each other
file, and of the description. A TensorFlow Lite file has it as a metadata entry, see
`tfsr.lite.file` and `tfsr.seal`.
"""

import dataclasses
import json
import logging
import os
from pathlib import Path

import tfsr
from tfsr.errors import UserError
from tfsr.lite.backend import TOLD
from tfsr.lite.file import checked_kinds
from tfsr.seal import Properties, changed, digest
from tfsr.upsamplers.base import Upsampler

FILE = Path("assets.extra", "tfsr.json")
"""The folder `assets.extra` is for files that no graph reads."""

_log = logging.getLogger("tfsr")


def of(upsampler: Upsampler, samples: int | None = None) -> Properties:
    """All facts that calls and chunks need, see `Backend`, and the training data's licences.

    "peaks" is a list of two, or None. "tfsr" is the version. "samples" is the file's only length,
    None if it takes any length.
    """
    return {
        "tfsr": tfsr.__version__,
        **{name: getattr(upsampler, name) for name in TOLD},
        "samples": samples,
        "peaks": upsampler.peaks and list(upsampler.peaks),
        "training_data": [dataclasses.asdict(source) for source in upsampler.card.training_data],
    }


def licences(properties: Properties) -> str:
    """The licences of the training data, in one line."""
    found = dict.fromkeys(source["licence"] for source in properties["training_data"])
    return "; ".join(found) or "unknown"


def write(folder: Path, properties: Properties) -> None:
    """Write the properties into a SavedModel that is otherwise complete."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    content = properties | {"sha256": _digests(folder)}
    content["seal"] = _seal(content)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read(folder: str | os.PathLike) -> Properties:
    """Read the properties of a SavedModel.

    Files of earlier versions of tfsr have no seal of their own: a warning says so.

    Raises:
        UserError: it has none, or has changed since it was written.
    """
    try:
        content = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
        told, files = content.pop("seal", None), content["sha256"]
    # No JSON, or one of another kind.
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: no SavedModel of tfsr's ({FILE} cannot be read)") from error
    if files != _digests(Path(folder)) or told not in (None, _seal(content)):
        raise changed(folder)
    if told is None:
        _log.warning(
            "%s was exported by an earlier tfsr, which did not seal the rates and licences that it "
            "tells; export it again",
            folder,
        )
    del content["sha256"]
    return checked_kinds(folder, content)


def _seal(content: Properties) -> str:
    return digest(json.dumps(content, sort_keys=True).encode())


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file but the properties' own, by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    digests = (digest(path.read_bytes()) for path in files)
    return dict(zip((path.relative_to(folder).as_posix() for path in files), digests, strict=True))
