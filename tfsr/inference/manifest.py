"""What was done to each of some files: told to a person, and kept as JSON."""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence

import tfsr
from tfsr.complete import write_text
from tfsr.inference.choice import NO_SPEECH, remark


@dataclasses.dataclass(frozen=True)
class Record:
    """Of one file. What is not known, as it failed before or was skipped, is None.

    Attributes:
        source, target: file names.
        source_rate, input_rate, output_rate: Hz, of the file, the upsampler's input, the output.
        bandwidth_hz: up to where the recording was taken to reach.
        channels, seconds: of the recording.
        system: the preset or the run.
        speech: whether it looks like speech, or nobody looked.
        seed: of the noise.
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
    channels: int | None = None
    seconds: float | None = None
    system: str | None = None
    speech: bool | None = None
    seed: int | None = None
    spent_seconds: float | None = None
    error: str | None = None
    skipped: bool = False

    def told(self, names: Callable[[str], str]) -> "Record":
        """The same with other names of files, in what is told of them too."""
        texts = {"source": self.source, "target": self.target, "error": self.error}
        changed = {field: names(text) for field, text in texts.items() if text is not None}
        return dataclasses.replace(self, **changed)

    def __str__(self) -> str:
        """The lines that a person is told."""
        if self.error:
            return f"tfsr: {self.error}"
        if self.skipped:
            return f"{self.source}: {self.target} is there already"
        line = f"{self.source} {self.source_rate} Hz -> {self.target} {self.output_rate} Hz"
        line = f"{line} ({self.system})"
        if self.speech is False:
            line = f"{self.source}: {NO_SPEECH}\n{line}"
        if self.source_rate == self.input_rate:
            return line
        resampled = f"resampled from {self.source_rate} to {self.input_rate} Hz first"
        return f"{self.source}: {remark(self.bandwidth_hz, self.source_rate)}{resampled}\n{line}"


def write(path: str | os.PathLike, records: Sequence[Record]) -> None:
    """Write a manifest, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    files = [dataclasses.asdict(record) for record in records]
    write_text(path, json.dumps({"tfsr": tfsr.__version__, "files": files}, indent=1) + "\n")
