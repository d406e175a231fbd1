"""Records of processed files: shown to the user, and stored as JSON."""

import dataclasses
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import tfsr
from tfsr.atomic_files import write_text
from tfsr.audio_file import Left
from tfsr.errors import UserError
from tfsr.inference.files import Fitted, Plan, described
from tfsr.inference.preset_selection import NO_SPEECH, remark
from tfsr.names import shown

# Less than so many dB is rounding.
_HEARD_DB = 0.005

# A band that is no wider than this loses nothing to speak of.
_WIDER = 1.05

# Of a manifest, as `write` makes it.
_START = re.compile(rb'\{\n "tfsr": "[^"\n]*",\n "files": \[')
_LONGEST_START = 200


@dataclasses.dataclass(frozen=True)
class Record:
    """The record of one file. Unknown values are None, as for files that failed or were skipped.

    Attributes:
        source, target: file names.
        source_rate, input_rate, output_rate: Hz, of the file, the upsampler's input (the lowest of
            several), and the output.
        bandwidth_hz: assumed highest frequency of the recording, the largest of its channels.
        bands: for channels that differ, their bands and upsamplers.
        channels, seconds: of the recording.
        assumed: coding assumed for a recording without header ("8000,ulaw,1").
        faults: the faults of the recording, in words.
        missing_seconds: missing part of the recording, as far as it is known.
        system: the preset or the run; several for channels that differ.
        speech: whether it looks like speech; None if this was not measured.
        noise_db: level of the noise in pauses, in dB of full scale; None if it was not measured.
        clipped: share of clipped samples in the recording, 0 to 1; None likewise.
        reverberation_s: time in seconds in which sound decays by 60 dB; None likewise.
        seed: of the noise.
        clipped_samples, over_db: number of clipped output samples, and how far they were beyond
            full scale.
        lowered_db: by how much the output was made softer to fit.
        container: of the output, as soundfile names it ("WAV", "RF64").
        error: the reason of a failure.
        skipped: whether the target existed already.
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
    noise_db: float | None = None
    clipped: float | None = None
    reverberation_s: float | None = None
    seed: int | None = None
    clipped_samples: int | None = None
    over_db: float | None = None
    lowered_db: float | None = None
    container: str | None = None
    error: str | None = None
    skipped: bool = False

    def planned(self, plan: Plan) -> "Record":
        """The record with all facts known before the upsampling."""
        source, damage = plan.source, plan.damage
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
            noise_db=damage.noise_db if damage else None,
            clipped=round(damage.clipped, 4) if damage else None,
            reverberation_s=damage.reverberation_s if damage else None,
        )

    def done(self, input_rate: int, output_rate: int, fitted: Fitted) -> "Record":
        return dataclasses.replace(
            self,
            input_rate=input_rate,
            output_rate=output_rate,
            clipped_samples=fitted.clipped,
            over_db=round(fitted.over_db, 2),
            lowered_db=round(fitted.lowered_db, 2),
            container=fitted.container,
        )

    def told(self, names: Callable[[str], str]) -> "Record":
        """The same record with other names of files, also inside its texts."""
        error = None if self.error is None else names(self.error)
        source, target = names(self.source), names(self.target)
        return dataclasses.replace(self, source=source, target=target, error=error)

    def __str__(self) -> str:
        """The lines for the user."""
        if self.error:
            return f"tfsr: {shown(self.error)}"
        source, target = shown(self.source), shown(self.target)
        if self.skipped:
            return f"{source}: {target} is there already"
        lines = [f"{source}: {note}" for note in self.notes]
        rate, bandwidth_hz = self.source_rate, self.bandwidth_hz
        if self.bands:
            lines.append(f"{source}: {self.bands}")
        elif rate and bandwidth_hz is not None and rate != self.input_rate:
            resampled = f"resampled from {rate} to {self.input_rate} Hz first"
            lines += [f"{source}: {remark(bandwidth_hz, rate)}{resampled}"]
        lines += [f"{target}: {note}" for note in [*self._lost(), *self._level(), *self._size()]]
        done = f"{source} {rate} Hz -> {target} {self.output_rate} Hz ({self.system or 'no model'})"
        return "\n".join([*lines, done])

    @property
    def notes(self) -> list[str]:
        """Remarks on the recording itself, known before the upsampling."""
        unlike = [NO_SPEECH] if self.speech is False else []
        damage = [self._damage()] if self.clipped is not None else []
        return [*_assumption(self.assumed), *self.faults, *unlike, *damage]

    def _lost(self) -> list[str]:
        """A note on a band that restoration leaves out; upsampling keeps it."""
        if self.clipped is None or self.input_rate is None or self.bandwidth_hz is None:
            return []
        end = self.input_rate / 2
        lost = f"nothing above {end / 1000:.1f} kHz, where {self.system} ends"
        return [lost] if self.bandwidth_hz > _WIDER * end else []

    def _level(self) -> list[str]:
        if self.lowered_db and self.lowered_db > _HEARD_DB:
            return [f"made {self.lowered_db:.2f} dB softer, so that nothing is clipped"]
        if self.clipped_samples:
            return [
                f"{self.clipped_samples} samples up to {self.over_db:.2f} dB over full scale are "
                "clipped; `clip` rescale makes all softer instead"
            ]
        return []

    def _damage(self) -> str:
        found = [] if self.noise_db is None else [f"noise at {self.noise_db:.0f} dB"]
        found.append(f"{100 * (self.clipped or 0):.1f} % clipped")
        if self.reverberation_s is not None:
            found.append(f"reverberation of {self.reverberation_s:.1f} s")
        if self.bandwidth_hz is not None:
            what = "sound" if self.speech is False else "speech"
            found.append(f"{what} up to {self.bandwidth_hz / 1000:.1f} kHz")
        return ", ".join(found)

    def _size(self) -> list[str]:
        return ["is RF64, for plain WAV ends at 4 GiB"] if self.container == "RF64" else []


def notes(plan: Plan) -> list[str]:
    """Remarks on a recording before it is upsampled."""
    return Record("", "").planned(plan).notes


def _assumption(assumed: str | None) -> list[str]:
    return [f"has no header, taken for {assumed}; `raw` says otherwise"] if assumed else []


def read(path: str | os.PathLike) -> dict[str, Record]:
    """The records of a manifest by target; empty if there is no manifest yet.

    Raises:
        UserError: another file is there, which would be lost, or it cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    try:
        if not os.path.isfile(path):
            raise ValueError
        with open(path, "rb") as file:
            if not _START.match(start := file.read(_LONGEST_START)):
                raise ValueError
            records = [from_entry(entry) for entry in json.loads(start + file.read())["files"]]
    except OSError as error:
        raise UserError(f"`manifest` {path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        text = f"`manifest` {path}: is there and is no manifest; give another name"
        raise UserError(text) from error
    return {record.target: record for record in records}


def from_entry(entry: dict) -> Record:
    """A record, without entries that only other versions of this package have."""
    known = {field.name for field in dataclasses.fields(Record)}
    record = Record(**{name: value for name, value in entry.items() if name in known})
    return dataclasses.replace(record, faults=tuple(record.faults))


def write(
    path: str | os.PathLike,
    records: Sequence[Record],
    left: Sequence[Left] = (),
    earlier: Mapping[str, Record] = MappingProxyType({}),
) -> None:
    """Write a manifest, whole or not at all; the same work makes the same bytes.

    Args:
        left: other files in the folders, which were not processed.
        earlier: records of an earlier manifest for the files that are skipped now.

    Raises:
        UserError: it cannot be written.
    """
    content = {
        "tfsr": tfsr.__version__,
        "files": [dataclasses.asdict(_with_earlier(record, earlier)) for record in records],
        "left": [{"path": str(one.path), "reason": one.reason} for one in left],
    }
    write_text(path, json.dumps(content, indent=1) + "\n")


def _with_earlier(record: Record, earlier: Mapping[str, Record]) -> Record:
    known = earlier.get(record.target)
    if record.skipped and known and known.source == record.source and not known.error:
        return dataclasses.replace(known, skipped=True)
    return record
