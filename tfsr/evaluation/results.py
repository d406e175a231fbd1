"""What an evaluation found out, as numbers, text and JSON."""

import collections
import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from tfsr.evaluation.metrics import finite_mean
from tfsr.plot import Panel

Scores = Mapping[str, Mapping[str, float]]
"""{system: {column: value}}, the first system being "estimate"."""

_MOST_SPEAKERS = 12


@dataclasses.dataclass(frozen=True)
class FileScores:
    """The scores of one recording."""

    name: str
    seconds: float
    scores: Scores
    speaker: str = ""


@dataclasses.dataclass(frozen=True)
class Example:
    """Signals of one recording to look at and listen to, the reference last."""

    name: str
    panels: tuple[Panel, ...]


@dataclasses.dataclass(frozen=True)
class Results:
    """The scores of an upsampler, and of the baselines on the same files.

    Args:
        system: what was evaluated, as the reader knows it.
        protocol: name of the protocol.
        degradation: what made the low-rate signals.
        input_rate, output_rate: Hz.
        files_hash: SHA-256 over names and samples of the reference audio.
        inputs_hash: likewise of what was made better: two evaluations with the same two hashes and
            protocol can be compared.
        files: one entry per recording.
        by_speaker: whether means are first over the files of a speaker, then over speakers.
        spread: column -> standard deviation of the estimate's mean between draws of its noise;
            empty where it was drawn once.
        examples: signals of the first recordings; they are no part of the JSON form.
    """

    system: str
    protocol: str
    degradation: str
    input_rate: int
    output_rate: int
    files_hash: str
    inputs_hash: str
    files: tuple[FileScores, ...]
    by_speaker: bool = False
    spread: Mapping[str, float] = dataclasses.field(default_factory=dict)
    examples: tuple[Example, ...] = dataclasses.field(default=(), compare=False, repr=False)

    @property
    def count(self) -> int:
        return len(self.files)

    @property
    def seconds(self) -> float:
        return sum(file.seconds for file in self.files)

    @property
    def systems(self) -> tuple[str, ...]:
        return tuple(self.files[0].scores)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.files[0].scores["estimate"])

    @property
    def means(self) -> Scores:
        """Means over the files; infinite values (silence, exact equality) are left out."""
        return {
            system: {column: self._mean(system, column) for column in self.columns}
            for system in self.systems
        }

    @property
    def speakers(self) -> Mapping[tuple[str, str], Mapping[str, float]]:
        """{(speaker, system): means}, where there are several speakers, but few enough to read."""
        groups = collections.defaultdict(list)
        for file in self.files:
            groups[file.speaker].append(file)
        if not 1 < len(groups) <= _MOST_SPEAKERS:
            return {}
        return {
            (speaker, system): means
            for speaker, files in sorted(groups.items())
            for system, means in dataclasses.replace(self, files=tuple(files)).means.items()
        }

    def summary(self) -> str:
        """The head of a report and the tables of means."""
        head = [
            f"{self.system}, protocol {self.protocol}: {self.input_rate} -> {self.output_rate} Hz",
            f"degradation {self.degradation}",
            f"{self.count} files, {self.seconds:.1f} s, SHA-256 {self.files_hash}",
            f"inputs SHA-256 {self.inputs_hash}",
        ]
        rows = [[system, *_cells(means)] for system, means in self.means.items()]
        if self.spread:
            rows.append(["spread between draws", *_cells(self.spread)])
        tables = [aligned(["mean", *self.columns], rows, texts=1)]
        rows = [[*names, *_cells(means)] for names, means in self.speakers.items()]
        if rows:
            tables.append(aligned(["speaker", "system", *self.columns], rows, texts=2))
        return "\n\n".join(["\n".join(head), *tables])

    def table(self) -> str:
        """The scores of every file."""
        rows = [
            [file.name, system, *_cells(scores)]
            for file in self.files
            for system, scores in file.scores.items()
        ]
        return aligned(["file", "system", *self.columns], rows, texts=2)

    def to_json(self) -> str:
        """Strict JSON; values that are not finite become the strings "inf", "-inf" and "nan"."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del fields["examples"]
        fields["files"] = [
            {
                **{"name": file.name, "speaker": file.speaker, "seconds": file.seconds},
                "scores": _encoded(file.scores),
            }
            for file in self.files
        ]
        means = {"count": self.count, "seconds": self.seconds, "means": _encoded(self.means)}
        return json.dumps(fields | means, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Results":
        """The results that `to_json` wrote, without examples."""
        fields = json.loads(text)
        for derived in ("count", "seconds", "means"):
            del fields[derived]
        fields["files"] = tuple(
            FileScores(file["name"], file["seconds"], _decoded(file["scores"]), file["speaker"])
            for file in fields["files"]
        )
        return cls(**fields)

    def _mean(self, system: str, column: str) -> float:
        groups = collections.defaultdict(list)
        for file in self.files:
            groups[file.speaker if self.by_speaker else ""].append(file.scores[system][column])
        return finite_mean(finite_mean(group) for group in groups.values())


def _encoded(scores: Scores) -> dict[str, dict[str, Any]]:
    return {
        system: {name: x if math.isfinite(x) else str(x) for name, x in values.items()}
        for system, values in scores.items()
    }


def _decoded(scores: Mapping[str, Mapping[str, Any]]) -> Scores:
    return {
        system: {name: float(x) for name, x in values.items()} for system, values in scores.items()
    }


def _cells(scores: Mapping[str, float]) -> list[str]:
    return [number(value) for value in scores.values()]


def number(value: float) -> str:
    """As tables show it: with three decimals, smaller ones with a power of ten."""
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3f}"


def aligned(header: list[str], rows: list[list[str]], texts: int) -> str:
    """Columns as wide as their widest cell: the first `texts` to the left, numbers to the right."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < texts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    )
