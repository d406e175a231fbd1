"""The log of a run: regular lines of losses, and pictures and sounds for TensorBoard."""

import contextlib
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.plot import spectrogram_row
from tfsr.training import events
from tfsr.upsamplers.base import Upsampler

_LOSSES, _VALIDATION = "losses", "validation"


class Log:
    """`losses.csv`, `validation.csv` and TensorBoard's events below a folder.

    Args:
        folder: folder of these files.
        step: the step at which training continues. Later entries, which a killed run has left, are
            removed. So are those of an unfinished validation.
        validated: whether the validation of this step is complete, see `is_validated`.

    Attributes:
        validated: as given.
    """

    def __init__(self, folder: Path, step: int, validated: bool = False):
        self.validated = validated
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for kind in _LOSSES, _VALIDATION:
            _truncate(folder / f"{kind}.csv", step)

        def is_kept(at: int, name: str) -> bool:
            return at < step or at == step and (validated or name.startswith(f"{_LOSSES}/"))

        with _writing(folder / events.NAME) as path:
            events.cut(path, is_kept)

    def losses(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line to `losses.csv`, and the same to TensorBoard."""
        self._events(step, _scalars(_LOSSES, values))
        self._line(_LOSSES, step, values)

    def validation(
        self,
        step: int,
        values: Mapping[str, float],
        upsampler: Upsampler,
        low: np.ndarray,
        high: np.ndarray,
    ) -> None:
        """Add a line to `validation.csv`, after everything else; TensorBoard gets more.

        It gets spectrograms side by side, and sounds, of low [time], its estimate, and high.
        """
        knowing = upsampler.with_reference(high)
        estimate = upsample_array(knowing, low, knowing.chunk)
        rates = (upsampler.input_rate, upsampler.output_rate, upsampler.output_rate)
        sounds = dict(zip(("low", "estimate", "high"), (low, estimate, high), strict=True))
        shown = [events.image("low, estimate, high", spectrogram_row(sounds, rates))]
        named = zip(sounds.items(), rates, strict=True)
        shown += [events.audio(name, sound, rate) for (name, sound), rate in named]
        self._events(step, [*_scalars(_VALIDATION, values), *shown])
        self._line(_VALIDATION, step, values)

    def _events(self, step: int, values: list) -> None:
        with _writing(self._folder / events.NAME) as path:
            events.append(path, step, values)

    def _line(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        with _writing(self._folder / f"{kind}.csv") as path, path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not file.tell():
                writer.writerow(["step", *values])
            writer.writerow([step, *(repr(float(value)) for value in values.values())])


def is_validated(folder: Path, step: int) -> bool:
    """Whether the log in a folder has the validation of a step."""
    path = folder / f"{_VALIDATION}.csv"
    return step in [_step_of(line, path) for line in _lines(path)[1:]]


def _scalars(kind: str, values: Mapping[str, float]) -> list:
    return [events.scalar(f"{kind}/{name}", float(value)) for name, value in values.items()]


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Report errors of writing; a resumed run removes incomplete entries."""
    try:
        yield path
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); make room there, and go on from the "
            "last checkpoint"
        ) from error


def _truncate(path: Path, step: int) -> None:
    """Keep the header and the lines up to `step`; at 0 nothing, since losses may be renamed."""
    if not step:
        path.unlink(missing_ok=True)
    elif path.exists():
        header, lines = _lines(path)[:1], _lines(path)[1:]
        kept = [line for line in lines if _step_of(line, path) <= step]
        write_text(path, "".join(f"{line}\n" for line in header + kept))


def _lines(path: Path) -> list[str]:
    """The complete lines, with any line ends: a kill may have cut the last one."""
    if not path.exists():
        return []
    text = path.read_bytes().decode(errors="replace")
    return [line.rstrip("\r") for line in text.split("\n")[:-1]]


def _step_of(line: str, path: Path) -> int:
    number = line.partition(",")[0]
    if not number.isdecimal():
        raise UserError(
            f"{path}: has the line {line[:40]!r}, which does not begin with a step; remove it, or "
            "move the file away"
        )
    return int(number)
