"""What was done to each of some files: told to a person, and kept as JSON."""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence

import tfsr
from tfsr.atomic_files import write_text
from tfsr.audio_file import Left
from tfsr.inference.files import Level, Plan, described
from tfsr.inference.preset_selection import NO_SPEECH, remark
from tfsr.names import shown

# Less than so many dB is rounding.
_HEARD_DB = 0.005


@dataclasses.dataclass(frozen=True)
class Record:
    """Of one file. What is not known, as it failed before or was skipped, is None.

    Attributes:
        source, target: file names.
        source_rate, input_rate, output_rate: Hz, of the file, the upsampler's input (the lowest of
            several), the output.
        bandwidth_hz: up to where the recording was taken to reach, the widest of its channels.
        bands: of channels that differ, what they are and how they are upsampled.
        channels, seconds: of the recording.
        assumed: how its samples were taken to lie, where it has no header ("8000,ulaw,1").
        faults: what is wrong with the recording, in words.
        missing_seconds: of it, as far as that is known.
        system: the preset or the run; several for channels that differ.
        speech: whether it looks like speech; None where nobody has listened.
        seed: of the noise.
        clipped_samples, over_db: those of the output that did not fit, and by how much.
        lowered_db: by how much it was made softer for that.
        spent_seconds: on this file.
        error: why it failed.
        skipped: the target was there already.
    """

    source: str
    target: str
    source_rate: int | None = None
    input_rate: int | None = None
    output_rate: int | None = None
    bandwidth_hz: float | None = None
    bands: str | None = None
    channels: int | None = None
    seconds: float | None = None
    assumed: str | None = None
    faults: tuple[str, ...] = ()
    missing_seconds: float | None = None
    system: str | None = None
    speech: bool | None = None
    seed: int | None = None
    clipped_samples: int | None = None
    over_db: float | None = None
    lowered_db: float | None = None
    spent_seconds: float | None = None
    error: str | None = None
    skipped: bool = False

    def planned(self, plan: Plan) -> "Record":
        """With what is known of a recording before it is upsampled."""
        source = plan.source
        return dataclasses.replace(
            self,
            source_rate=source.rate,
            bandwidth_hz=round(max(band.bandwidth_hz for band in plan.bands), 1),
            bands=described(plan.bands, source.rate) if len(plan.bands) > 1 else None,
            channels=source.channels,
            seconds=source.samples / source.rate,
            assumed=str(source.assumed) if source.assumed else None,
            faults=tuple(fault.text for fault in source.faults),
            missing_seconds=round(sum(fault.missing_seconds for fault in source.faults), 3),
            system=", ".join(plan.systems),
            speech=plan.speech,
        )

    def done(self, input_rate: int, output_rate: int, level: Level) -> "Record":
        return dataclasses.replace(
            self,
            input_rate=input_rate,
            output_rate=output_rate,
            clipped_samples=level.clipped,
            over_db=round(level.over_db, 2),
            lowered_db=round(level.lowered_db, 2),
        )

    def told(self, names: Callable[[str], str]) -> "Record":
        """The same with other names of files, in what is told of them too."""
        error = None if self.error is None else names(self.error)
        source, target = names(self.source), names(self.target)
        return dataclasses.replace(self, source=source, target=target, error=error)

    def __str__(self) -> str:
        """The lines that a person is told."""
        if self.error:
            return f"tfsr: {shown(self.error)}"
        source, target = shown(self.source), shown(self.target)
        if self.skipped:
            return f"{source}: {target} is there already"
        lines = [f"{source}: {note}" for note in [*_assumption(self.assumed), *self.faults]]
        if self.speech is False:
            lines.append(f"{source}: {NO_SPEECH}")
        rate, bandwidth_hz = self.source_rate, self.bandwidth_hz
        if self.bands:
            lines.append(f"{source}: {self.bands}")
        elif rate and bandwidth_hz is not None and rate != self.input_rate:
            resampled = f"resampled from {rate} to {self.input_rate} Hz first"
            lines += [f"{source}: {remark(bandwidth_hz, rate)}{resampled}"]
        lines += [f"{target}: {note}" for note in self._level()]
        done = f"{source} {rate} Hz -> {target} {self.output_rate} Hz ({self.system})"
        return "\n".join([*lines, done])

    def _level(self) -> list[str]:
        if self.lowered_db and self.lowered_db > _HEARD_DB:
            return [f"made {self.lowered_db:.2f} dB softer, so that nothing is clipped"]
        if self.clipped_samples:
            return [
                f"{self.clipped_samples} samples up to {self.over_db:.2f} dB over full scale are "
                "clipped; `clip` rescale makes all softer instead"
            ]
        return []


def notes(plan: Plan) -> list[str]:
    """What to tell of a recording before it is upsampled."""
    assumed = str(plan.source.assumed) if plan.source.assumed else None
    unlike = [NO_SPEECH] if plan.speech is False else []
    return [*_assumption(assumed), *(fault.text for fault in plan.source.faults), *unlike]


def _assumption(assumed: str | None) -> list[str]:
    return [f"has no header, taken for {assumed}; `raw` says otherwise"] if assumed else []


def write(path: str | os.PathLike, records: Sequence[Record], left: Sequence[Left] = ()) -> None:
    """Write a manifest, whole or not at all.

    Args:
        left: what is in the folders and was not taken.

    Raises:
        UserError: it cannot be written.
    """
    content = {
        "tfsr": tfsr.__version__,
        "files": [dataclasses.asdict(record) for record in records],
        "left": [{"path": str(one.path), "reason": one.reason} for one in left],
    }
    write_text(path, json.dumps(content, indent=1) + "\n")
