"""Whole recordings with what was exported: a TensorFlow Lite file needs no TensorFlow for it."""

import os
from collections.abc import Callable, Sequence

import numpy as np

from tfsr.backend import Backend, Noise, Part, Stage
from tfsr.errors import UserError
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import WholeRecordings
from tfsr.nest import Nest
from tfsr.seal import Properties

TOLD = (
    *("input_rate", "output_rate", "ratio", "noise_steps", "receptive_field", "condition_field"),
    *("hop", "context", "fade", "frame_rate", "latency_ms", "peaks", "restores", "chunk"),
)
"""Attributes of a `Backend` that an export tells."""


class ExportedBackend(Backend):
    """Runs one exported upsampler.

    One that draws noise or changes levels does so for each recording as a whole: it takes the
    whole recording at once, however long, and sees to `peaks` itself.

    Args:
        properties: what it tells of itself, see `tfsr.export.properties.of`.
        run: what it computes, of `audio`, and of `noise` where it draws some.

    Attributes:
        properties: as given.
    """

    input_rate: int
    output_rate: int
    ratio: int

    def __init__(self, properties: Properties, run: Callable[..., np.ndarray]):
        self.properties, self._run = properties, run
        for name in set(TOLD) - {"chunk"}:
            setattr(self, name, properties[name])
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
        audio = condition[:, part.of(condition.shape[1])]
        return stage.function(audio, np.stack(noise) if noise else None)


class LiteBackend(ExportedBackend):
    """Runs a TensorFlow Lite file. It may be called from several threads.

        backend = LiteBackend("wide.tflite")
        high = tfsr.inference.chunks.upsample_array(backend, low, backend.chunk)

    Args:
        path: what `tfsr.export` wrote with --format tflite, not with --streaming.
        threads: CPU threads. With several files at once, one each is best.

    Raises:
        UserError: the file cannot be read, is none of tfsr's or of an older tfsr, is for streams
            or of one length, or has changed since.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        properties = checked(path, read_properties(path))
        if properties.get("samples"):
            raise UserError(
                f"{path}: takes pieces of {properties['samples']} samples alone, for runtimes that "
                "cannot resize; export it without --samples to upsample recordings here"
            )
        super().__init__(properties, WholeRecordings(path, threads))


def checked(
    path: str | os.PathLike, properties: Properties, names: Sequence[str] = TOLD
) -> Properties:
    """What an export tells of itself, when it has all of these names.

    Raises:
        UserError: a name is missing.
    """
    if not properties.keys() >= set(names):
        raise UserError(f"{path}: was exported by an older tfsr; export it again")
    return properties
