"""Upsample whole recordings with exported files; a TensorFlow Lite file needs no TensorFlow."""

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
"""Attributes of a `Backend` that an export describes."""


class ExportedBackend(Backend):
    """Runs one exported upsampler.

    An upsampler with noise, or one that scales levels, takes a whole recording at once, however
    long it is. It handles `peaks` itself.

    Args:
        properties: its description of itself, see `tfsr.export.properties.of`.
        run: its function of `audio`, and of `noise` if it uses noise.

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
        """One stage that does everything."""
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
        path: a file that `tfsr.export` wrote with --format tflite, without --streaming.
        threads: CPU threads. For several files at once, use one thread each.

    Raises:
        UserError: the file cannot be read, was not made by tfsr or by an older tfsr, or has changed
            since. Or it is for streams or of one length.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        properties = checked(path, read_properties(path))
        if properties.get("samples"):
            raise UserError(
                f"{path}: takes only pieces of {properties['samples']} samples, for runtimes that "
                "cannot resize; export it without --samples to upsample recordings here"
            )
        super().__init__(properties, WholeRecordings(path, threads))


def checked(
    path: str | os.PathLike, properties: Properties, names: Sequence[str] = TOLD
) -> Properties:
    """The description in an export, after a check that it has all of these names.

    Raises:
        UserError: a name is missing.
    """
    if not properties.keys() >= set(names):
        raise UserError(f"{path}: was exported by an older tfsr; export it again")
    return properties
