"""Trained upsamplers by name: weights that come with the package, and what is known of each.

`manifest.json` says it: file, size and SHA-256, rates, how the network is made, parameters, speed,
training and its data's licences, scores by protocol. `tools/make_preset.py` writes it.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsr.errors import UserError

if TYPE_CHECKING:  # the manifest can be read without TensorFlow
    from tfsr.upsamplers.spectral import Spectral

MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Preset:
    """What the manifest says of one.

    Attributes:
        name: what users call it.
        description: what it is for, in a line.
        file, size, sha256: of its weights, an HDF5 file beside the manifest; size in bytes.
        input_rate, output_rate: Hz.
        latency_ms: see `Upsampler`.
        network: arguments of `UpperBins`.
        codec: arguments of `FrameCodec`.
        level_db: see `Spectral`.
        parameters: how many.
        multiply_adds: for one second of audio.
        real_time_factor: seconds for a second of audio, one thread, on `machine`.
        machine: where and when that was measured.
        configuration: the recipe.
        steps: of training.
        training_data: "corpus" and "licence" of each.
        scores: protocol -> system ("estimate" is this one) -> metric -> mean over recordings.
        test_set: what the scores are means of.
    """

    name: str
    description: str
    file: str
    size: int
    sha256: str
    input_rate: int
    output_rate: int
    latency_ms: float | None
    network: Mapping[str, Any]
    codec: Mapping[str, Any]
    level_db: float
    parameters: int
    multiply_adds: int
    real_time_factor: float
    machine: str
    configuration: str
    steps: int
    training_data: Sequence[Mapping[str, str]]
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    test_set: str

    @property
    def bandwidth_hz(self) -> float:
        """Up to where its input reaches."""
        return self.input_rate / 2

    def build(self) -> "Spectral":
        """The upsampler with weights that are not trained."""
        from tfsr.networks.spectral import UpperBins
        from tfsr.signal.frame_codec import FrameCodec
        from tfsr.upsamplers.spectral import Spectral

        upsampler = Spectral(
            functools.partial(UpperBins, **self.network),
            self.input_rate,
            self.output_rate,
            losses={},
            codec=FrameCodec(**self.codec),
            level_db=self.level_db,
        )
        upsampler.initialize()
        return upsampler


def names() -> list[str]:
    """All, in the order of the manifest."""
    return list(_manifest())


def get(name: str) -> Preset:
    """What is known of a preset.

    Raises:
        UserError: there is none of that name.
    """
    if name not in _manifest():
        raise UserError(f"no preset {name!r}: choose one of {', '.join(names())}")
    return Preset(name, **_manifest()[name])


def load(name: str) -> "Spectral":
    """A trained upsampler.

    Raises:
        UserError: there is no preset of that name, or its file is not the one that was made.
    """
    preset = get(name)
    path = folder() / preset.file
    if not path.exists() or sha256(path) != preset.sha256:
        raise UserError(f"{path}: is not as it was made (SHA-256); install tfsr again")
    upsampler = preset.build()
    upsampler.network.load_weights(str(path))
    return upsampler


def folder() -> Path:
    """Of the manifest and the weights."""
    return Path(str(resources.files("tfsr.presets")))


@functools.lru_cache
def _manifest() -> dict[str, dict[str, Any]]:
    return json.loads((folder() / MANIFEST).read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
