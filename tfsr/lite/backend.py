"""Whole recordings with an exported TensorFlow Lite file, without TensorFlow."""

import os
from collections.abc import Sequence

import numpy as np

from tfsr.backend import Backend, Noise, Part, Stage
from tfsr.errors import UserError
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import WholeRecordings
from tfsr.nest import Nest

_NEEDED = (
    *("input_rate", "output_rate", "ratio", "noise_steps", "receptive_field", "condition_field"),
    *("hop", "context", "fade", "frame_rate", "latency_ms", "peaks", "restores", "chunk"),
)


class LiteBackend(Backend):
    """Runs one exported file. It may be called from several threads.

        backend = LiteBackend("wide.tflite")
        high = tfsr.inference.chunks.upsample_array(backend, low, backend.chunk)

    A file that draws noise or changes levels does so for each recording as a whole: such a file
    takes the whole recording at once, however long, and sees to `peaks` itself.

    Args:
        path: what `tfsr.export` wrote with --format tflite, not with --streaming.
        threads: CPU threads. With several files at once, one each is best.

    Attributes:
        properties: all that the file tells of itself, see `tfsr.export.properties.of`.

    Raises:
        UserError: the file cannot be read, is none of tfsr's or of an older tfsr, is for streams,
            or has changed since.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self.properties = told(path, _NEEDED)
        for name in set(_NEEDED) - {"chunk"}:
            setattr(self, name, self.properties[name])
        self._run = WholeRecordings(path, threads)
        if self.noise_steps or self.peaks is not None:
            self.receptive_field, self.peaks = None, None

    @property
    def chunk(self) -> int:
        return self.properties["chunk"]

    @property
    def stages(self) -> Sequence[Stage]:
        """One, that does all."""
        return [Stage(self._run, self.noise_steps)]

    def run_condition(self, low: np.ndarray) -> Nest:
        """`low` itself."""
        return low

    def run_stage(
        self, stage: Stage, signal: Nest, condition: Nest, part: Part, noise: Noise = ()
    ) -> Nest:
        inputs = {"audio": condition[:, part.of(condition.shape[1])]}
        return stage.function(**inputs, **({"noise": np.stack(noise)} if noise else {}))


def told(path: str | os.PathLike, names: Sequence[str]) -> dict:
    """What a file tells of itself, with all of these names.

    Raises:
        UserError: as `read_properties`, and where a name is missing.
    """
    properties = read_properties(path)
    if not properties.keys() >= set(names):
        raise UserError(f"{path}: was exported by an older tfsr; export it again")
    return properties
