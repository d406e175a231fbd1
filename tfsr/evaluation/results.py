"""The results of an evaluation, as numbers, text and JSON."""

import collections
import csv
import dataclasses
import functools
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfsr.evaluation.metrics import finite_mean
from tfsr.names import shown
from tfsr.plot import Panel

Scores = Mapping[str, Mapping[str, float]]
"""{system: {column: value}}, the evaluated system first, then the others."""

Interval = tuple[float, float, float]
"""A mean, and the ends of its 95 % interval."""

_MOST_SPEAKERS = 12

# Of the bootstrap (Efron & Tibshirani 1993).
_RESAMPLES = 2000
_ENDS = 0.025, 0.975


@dataclasses.dataclass(frozen=True)
class FileScores:
    """The scores of one recording."""

    name: str
    seconds: float
    scores: Scores
    speaker: str = ""


@dataclasses.dataclass(frozen=True)
class Example:
    """Signals of one recording to see and to hear, the reference last."""

    name: str
    panels: tuple[Panel, ...]


@dataclasses.dataclass(frozen=True)
class Results:
    """The scores of an upsampler, and of the baselines on the same files.

    Args:
        system: the evaluated system, by a name that readers know.
        protocol: name of the protocol.
        degradation: description of how the low-rate signals were made.
        input_rate, output_rate: Hz; the former is None if it is not known.
        files_hash: SHA-256 over names and samples of the reference audio.
        inputs_hash: likewise, of the systems' inputs. Evaluations with both hashes and the protocol
            in common can be compared.
        files: one entry per recording.
        by_speaker: whether means are first over the files of a speaker, then over speakers.
        spread: column -> standard deviation of the estimate's mean between draws of its noise;
            empty if there was one draw.
        remarks: notes for readers beside the scores, a sentence each.
        examples: signals of the first recordings; the JSON form does not have them.
    """

    system: str
    protocol: str
    degradation: str
    input_rate: int | None
    output_rate: int
    files_hash: str
    inputs_hash: str
    files: tuple[FileScores, ...]
    by_speaker: bool = False
    spread: Mapping[str, float] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()
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
        return tuple(self.files[0].scores[self.systems[0]])

    @property
    def means(self) -> Scores:
        """Means over the files; infinite values (silence, exact equality) are left out."""
        return {
            system: {column: self._mean(system, column) for column in self.columns}
            for system in self.systems
        }

    @functools.cached_property  # tables, pages and files want them
    def intervals(self) -> Mapping[str, Mapping[str, Interval]]:
        """{system: {column: (mean, low end, high end)}}: 95 % intervals of the means.

        They come from the bootstrap over files, or over speakers if means are by speaker. Its
        random draws are always the same. Empty for a single file or speaker.
        """
        return self._bootstrapped({system: self._table(system) for system in self.systems})

    @functools.cached_property
    def differences(self) -> Mapping[str, Mapping[str, Interval]]:
        """Like `intervals`, for the first system minus each other one on the same files.

        If the interval excludes zero, the choice of files alone does not explain the difference.
        """
        first, *others = self.systems
        table = self._table(first)
        return self._bootstrapped({other: _less(table, self._table(other)) for other in others})

    @property
    def speakers(self) -> Mapping[tuple[str, str], Mapping[str, float]]:
        """{(speaker, system): means}, if there are several speakers, but few enough to read."""
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

    @property
    def unscored(self) -> list[str]:
        """Values that the means leave out: for each system the columns, and how many files."""
        texts = []
        for system in self.systems:
            infinite = np.sum(np.isinf(self._table(system)), axis=0)
            columns = [
                f"{column} of {number}"
                for column, number in zip(self.columns, infinite, strict=True)
                if 0 < number < self.count  # a column of which all is infinite says so itself
            ]
            if columns:
                texts.append(
                    f"{system}: infinite, and left out of means: {', '.join(columns)} of "
                    f"{plural(self.count)}"
                )
        return texts

    def summary(self) -> str:
        """The head of a report and the tables of means."""
        head = [
            f"{self.system}, protocol {self.protocol}: {self.rates}",
            f"degradation {self.degradation}",
            f"{plural(self.count)}, {self.seconds:.1f} s, SHA-256 {self.files_hash}",
            *([f"inputs SHA-256 {self.inputs_hash}"] if self.inputs_hash else []),
            *self.remarks,
            *self.unscored,
        ]
        rows = [[system, *_cells(means)] for system, means in self.means.items()]
        if self.spread:
            rows.append(["spread between draws", *_cells(self.spread)])
        head = [shown(line) for line in head]
        tables = [aligned(["mean", *self.columns], rows, texts=1)]
        for title, found in self.interval_tables.items():
            rows = [[name, *cells] for name, cells in found.items()]
            tables.append(aligned([title, *self.columns], rows, texts=1))
        rows = [[*names, *_cells(means)] for names, means in self.speakers.items()]
        if rows:
            tables.append(aligned(["speaker", "system", *self.columns], rows, texts=2))
        return "\n\n".join(["\n".join(head), *tables])

    @property
    def rates(self) -> str:
        """The rates of input and output, as text."""
        known = f"{self.input_rate} -> " if self.input_rate else ""
        return f"{known}{self.output_rate} Hz"

    @property
    def interval_tables(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Heading -> system -> cells of `intervals` and `differences`, if there are any."""
        ranges = {name: [*map(_range, of.values())] for name, of in self.intervals.items()}
        less = {
            name: [f"{number(of[0])} {_range(of)}" for of in columns.values()]
            for name, columns in self.differences.items()
        }
        tables = {"95 % of mean": ranges, f"{self.systems[0]} less": less}
        return {title: found for title, found in tables.items() if found}

    def table(self) -> str:
        """The scores of every file."""
        rows = [
            [file.name, system, *_cells(scores)]
            for file in self.files
            for system, scores in file.scores.items()
        ]
        return aligned(["file", "system", *self.columns], rows, texts=2)

    def to_csv(self) -> str:
        """A line for each file and system: file, speaker, seconds, system and all columns."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["file", "speaker", "seconds", "system", *self.columns])
        for file in self.files:
            for system, scores in file.scores.items():
                seconds = f"{file.seconds:.3f}"
                head = plain(file.name), plain(file.speaker), seconds, plain(system)
                writer.writerow([*head, *(repr(value) for value in scores.values())])
        return text.getvalue()

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
        derived = {
            **{"count": self.count, "seconds": self.seconds, "means": _encoded(self.means)},
            **{"intervals": _encoded(self.intervals), "differences": _encoded(self.differences)},
        }
        return json.dumps(fields | derived, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Results":
        """The results that `to_json` wrote, without examples."""
        fields = json.loads(text)
        for derived in ("count", "seconds", "means", "intervals", "differences"):
            del fields[derived]
        fields["remarks"] = tuple(fields["remarks"])
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

    def _table(self, system: str) -> np.ndarray:
        """The scores of a system, [files, columns]."""
        rows = [[file.scores[system][column] for column in self.columns] for file in self.files]
        return np.array(rows, np.float64)

    def _bootstrapped(self, tables: Mapping[str, np.ndarray]) -> dict[str, dict[str, Interval]]:
        speakers = [
            file.speaker if self.by_speaker else index for index, file in enumerate(self.files)
        ]
        groups = [np.array(speakers) == speaker for speaker in dict.fromkeys(speakers)]
        if len(groups) == 1:
            return {}
        found = {}
        for name, table in tables.items():
            rows = np.stack([_column_means(table[group]) for group in groups])
            means = _column_means(rows)
            values = [(float(mean), *_ends(of)) for mean, of in zip(means, rows.T, strict=True)]
            found[name] = dict(zip(self.columns, values, strict=True))
        return found


def _less(table: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The difference; it is infinite, so that it is left out, if one of the two is."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(table) | np.isinf(other), np.inf, table - other)


def _column_means(rows: np.ndarray) -> np.ndarray:
    """`finite_mean` of each column, [rows, columns] -> [columns]."""
    return np.array([finite_mean(column) for column in rows.T])


def _ends(scores: np.ndarray) -> tuple[float, float]:
    """The two ends of a mean's interval; infinite scores are left out, NaN stays NaN."""
    bounded = scores[~np.isinf(scores)]
    if not bounded.size:
        return finite_mean(scores), finite_mean(scores)
    drawn = np.random.default_rng(0).integers(bounded.size, size=(_RESAMPLES, bounded.size))
    low, high = np.quantile(np.mean(bounded[drawn], axis=1), _ENDS)
    return float(low), float(high)


def _encoded(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        system: {name: _strict(value) for name, value in values.items()}
        for system, values in scores.items()
    }


def _strict(value: float | Interval) -> Any:
    """A value in the form of strict JSON."""
    if isinstance(value, tuple):
        return [_strict(each) for each in value]
    return value if math.isfinite(value) else str(value)


def _decoded(scores: Mapping[str, Mapping[str, Any]]) -> Scores:
    return {
        system: {name: float(x) for name, x in values.items()} for system, values in scores.items()
    }


def _cells(scores: Mapping[str, float]) -> list[str]:
    return [number(value) for value in scores.values()]


def plural(files: int) -> str:
    """The number of files, in words."""
    return f"{files} file{'s' * (files != 1)}"


def plain(text: str) -> str:
    """A text for spreadsheets, which read some first characters as the start of a formula."""
    return f"'{text}" if text[:1] in _FORMULAS else text


def from_plain(text: str) -> str:
    """The inverse of `plain`."""
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULAS else text


# A quote is among them, so that there is an inverse.
_FORMULAS = tuple("=+-@\t\r'")


def number(value: float) -> str:
    """A number for tables: with three decimals, small ones with a power of ten."""
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3f}"


def _range(interval: Interval) -> str:
    """The ends of an interval, in brackets."""
    return "[{}, {}]".format(*map(number, interval[1:]))


def aligned(header: list[str], rows: list[list[str]], texts: int) -> str:
    """Columns as wide as their widest cell: the first `texts` to the left, numbers to the right."""
    table = [[shown(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < texts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    )
