"""Compare outputs of systems, stored as files, with the originals by a named protocol."""

import dataclasses
import functools
import hashlib
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.evaluation.evaluate import EXCERPT_SECONDS, means_of
from tfsr.evaluation.metrics import LowBandSnr
from tfsr.evaluation.protocols import Protocol
from tfsr.evaluation.restoration_metrics import delay
from tfsr.evaluation.results import Example, FileScores, Results, plural
from tfsr.evaluation.test_set import by_stem, check_lengths
from tfsr.inference.chunks import upsample_array
from tfsr.plot import Panel
from tfsr.signal.resample import resample
from tfsr.upsamplers.interpolation import Interpolation

# The row of what the systems were given, where the protocol has no interpolation of it.
_LOW = "low"
_ORIGINAL = "original"

# From where on readers are told, and how far a delay is looked for.
_LEVEL_DB, _DELAY_SAMPLES, _LOW_BAND_DB = 1.0, 2, 20.0
_DELAY_SECONDS = 0.05
_INVERTED = -0.5  # a coefficient of correlation

_MOST_NAMES = 10


class Trial(NamedTuple):
    """The files of one original.

    Attributes:
        name: of the original.
        speaker: the speaker's name.
        original, low: paths; `low` is None if the input of the systems is not known.
        estimates: system -> path.
    """

    name: str
    speaker: str
    original: Path
    estimates: Mapping[str, Path]
    low: Path | None


class _Signals(NamedTuple):
    """One channel of a trial, float32 [time] each, equally long at the original's rate.

    `low` is at its own rate.
    """

    original: np.ndarray
    estimates: dict[str, np.ndarray]
    low: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class _Rates:
    """Rates of the originals and of the systems' inputs in Hz, and the cut-off."""

    original: int
    low: int | None
    cutoff_hz: float | None

    @property
    def told(self) -> str:
        """The cut-off, as text."""
        return f"{self.cutoff_hz:g} Hz" if self.cutoff_hz else "not known"


def score(
    trials: Sequence[Trial],
    protocol: Protocol,
    cutoff_hz: float | None = None,
    frame_rate: float | None = None,
    left_out: Sequence[str] = (),
    shown: int = 8,
) -> Results:
    """Compare outputs of systems with the originals.

    If the input of the systems is known, its interpolations stand beside the systems. If the
    cut-off is not known, columns that need it are left out, and the results say so. They also tell
    where levels, delays, polarities or low bands differ from the original's. Channels are scored
    separately, and their scores are averaged.

    Args:
        trials: of the same systems; see `found`.
        protocol: metrics, baselines, 16 bits or not, and whether originals have a peak of 1.
        cutoff_hz: frequency above which the systems added content. None: half the rate of their
            input.
        frame_rate: of the systems in Hz, for the column "buzz" of protocols that have it.
        left_out: names of originals that not every system has, to be reported.
        shown: number of trials kept as examples.

    Raises:
        UserError: a file cannot be read; rates, channels or lengths do not fit; or the protocol
            is for another rate.
    """
    rates = _rates(trials, protocol, cutoff_hz)
    input_rate = round(2 * rates.cutoff_hz) if rates.cutoff_hz else rates.original
    fitted = protocol.fitted(input_rate, rates.original, frame_rate)
    unknown = () if rates.cutoff_hz else fitted.needing_cutoff
    fitted = fitted.without(unknown)
    baselines = _baselines(protocol, rates)
    _check_names(trials[0].estimates, {*baselines, _LOW, _ORIGINAL})
    remarks = _Remarks()
    files, examples, digests = [], [], (hashlib.sha256(), hashlib.sha256())
    for index, trial in enumerate(tqdm(trials, "score", leave=False, disable=None)):
        channels = _read(trial, rates)
        for signals in channels:
            for digest, signal in zip(digests, (signals.original, signals.low), strict=True):
                content = b"" if signal is None else signal.astype("<f4").tobytes()
                digest.update(trial.name.encode() + b"\0" + content)
        remarks.add(trial, channels, rates)
        rows = [_rows(signals, rates, baselines, protocol) for signals in channels]
        compared = [name for name in rows[0] if name != _ORIGINAL or protocol.originals]
        scores = {
            name: means_of(
                [fitted.scores(of[_ORIGINAL], of[name], input_rate, rates.original) for of in rows]
            )
            for name in compared
        }
        seconds = channels[0].original.size / rates.original
        files.append(FileScores(trial.name, seconds, scores, trial.speaker))
        if index < shown:
            examples.append(_example(trial.name, rows[0], rates.original))
    told = {
        "originals left out, which not every system has": left_out,
        "columns left out, for the cut-off is not known": unknown,
    }
    return Results(
        system=", ".join(trials[0].estimates),
        protocol=protocol.name,
        degradation=f"that of the files, cut-off {rates.told}",
        input_rate=rates.low,
        output_rate=rates.original,
        files_hash=digests[0].hexdigest(),
        inputs_hash=digests[1].hexdigest() if rates.low else "",
        files=tuple(files),
        by_speaker=protocol.by_speaker,
        remarks=(
            *(f"{what}: {_some(names)}" for what, names in told.items() if names),
            *remarks.sentences(len(trials)),
        ),
        examples=tuple(examples),
    )


def found(
    reference: Path, estimates: Mapping[str, Path], low: Path | None = None
) -> tuple[list[Trial], list[str]]:
    """The trials of folders, or of single files, and the names of the originals left out.

    Names are compared without their extensions, but with their sub-folders. Originals that not
    every system has are left out. A speaker is the first folder below `reference`. If there are no
    such folders, the name before its first underscore is the speaker, if all names have one.

    Args:
        reference: a folder of originals, or one original.
        estimates: system -> folder, or file.
        low: the inputs of the systems, likewise a folder or a file.

    Raises:
        UserError: a folder is given beside a file; a system's file has no original; no original is
            common to all systems; or an original has no low signal.
    """
    if not estimates:
        raise UserError("give the output of a system, a file or a folder, after the reference")
    given = {**estimates, **({_LOW: low} if low else {})}
    for path in (reference, *given.values()):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
    if not os.path.isdir(reference):
        for path in given.values():
            if os.path.isdir(path):
                raise UserError(
                    f"{path}: is a folder, but {reference} is a file; give two files or two folders"
                )
        return [Trial(reference.name, "", reference, estimates, low)], []
    originals = by_stem(reference)
    of_systems = {name: _by_stem(path) for name, path in given.items()}
    for name, files in of_systems.items():
        strange = next((stem for stem in files if stem not in originals), None)
        if strange is not None and name != _LOW:
            raise UserError(f"{files[strange]}: {reference} has no recording {strange}")
    stems = [stem for stem in originals if all(stem in of_systems[name] for name in estimates)]
    if not stems:
        raise UserError(
            f"{reference}: has no recording for which every system has a file of that name"
        )
    speakers = _speakers(stems, reference.name)
    trials = []
    for stem in stems:
        if low and stem not in of_systems[_LOW]:
            raise UserError(f"{low}: has no recording {stem}, which is among the originals")
        paths = {name: of_systems[name][stem] for name in estimates}
        source = of_systems[_LOW][stem] if low else None
        original = originals[stem]
        trials.append(Trial(original.name, speakers[stem], original.path, paths, source))
    return trials, [stem for stem in originals if stem not in stems]


def _by_stem(folder: Path) -> dict[str, Path]:
    if not os.path.isdir(folder):
        raise UserError(
            f"{folder}: is no folder, but the reference is; give two files or two folders"
        )
    return {stem: recording.path for stem, recording in by_stem(folder).items()}


def _speakers(stems: Sequence[str], otherwise: str) -> dict[str, str]:
    by_folder = {stem: stem.split("/")[0] for stem in stems if "/" in stem}
    by_name = {stem: stem.split("_")[0] for stem in stems if "_" in stem}
    named = len(by_name) == len(stems)
    return {stem: by_folder.get(stem) or (by_name[stem] if named else otherwise) for stem in stems}


def _check_names(systems: Iterable[str], taken: Collection[str]) -> None:
    for name in systems:
        if not name or name in taken:
            raise UserError(
                f"system {name!r}: the name is empty, or tables already have a row of that name: "
                "give NAME=PATH with another name"
            )


def _rates(trials: Sequence[Trial], protocol: Protocol, cutoff_hz: float | None) -> _Rates:
    first = trials[0]
    original = audio_file.info(first.original).rate
    protocol.check_rate(original)
    low = audio_file.info(first.low).rate if first.low else None
    if low and low > original:
        raise UserError(f"{first.low}: is at {low} Hz, above the original's {original} Hz")
    if cutoff_hz is None and low and low < original:
        cutoff_hz = low / 2
    fixed = protocol.cutoff_hz
    if fixed is not None:
        if cutoff_hz not in (None, fixed):
            raise UserError(
                f"protocol {protocol.name} is for a cut-off of {fixed:g} Hz, and these signals "
                f"have one of {cutoff_hz:g} Hz: choose another protocol"
            )
        cutoff_hz = fixed
    if cutoff_hz is not None and not 0 < cutoff_hz < original / 2:
        raise UserError(
            f"`cutoff` is {cutoff_hz:g} Hz, and the originals are at {original} Hz: give one below "
            f"{original / 2:g}"
        )
    return _Rates(original, low, cutoff_hz)


def _baselines(protocol: Protocol, rates: _Rates) -> dict[str, Interpolation]:
    """Label -> interpolation of the low signal; none if the ratio of rates is not whole."""
    whole = rates.low and rates.low < rates.original and rates.original % rates.low == 0
    # Protocols with a cut-off of their own are for input at the output rate.
    if not rates.low or not whole or protocol.cutoff_hz is not None:
        return {}
    return {
        label: Interpolation(rates.low, rates.original, how)
        for label, how in protocol.baselines.items()
    }


def _rows(
    signals: _Signals,
    rates: _Rates,
    baselines: Mapping[str, Interpolation],
    protocol: Protocol,
) -> dict[str, np.ndarray]:
    """The compared signals, and the original last, at the protocol's level."""
    rows = dict(signals.estimates)
    if signals.low is not None and rates.low and not baselines:
        rows[_LOW] = _wide(signals, rates)
    if signals.low is not None:
        rows |= {
            label: upsample_array(how, signals.low, how.chunk) for label, how in baselines.items()
        }
    rows[_ORIGINAL] = signals.original
    peak = float(np.max(np.abs(signals.original), initial=0.0))
    gain = protocol.preparation.peak / peak if protocol.preparation.peak and peak else 1.0
    return {name: gain * row for name, row in rows.items()}


def _wide(signals: _Signals, rates: _Rates) -> np.ndarray:
    """The input of the systems, or else the original, at the original's rate."""
    if signals.low is None or not rates.low:
        return signals.original
    return resample(signals.low, rates.low, rates.original)[: signals.original.size]


def _read(trial: Trial, rates: _Rates) -> list[_Signals]:
    """The channels, cut to the length that all files have."""
    wanted = audio_file.info(trial.original)
    sound = functools.partial(_sound, of=trial.original, wanted=wanted)
    original = sound(trial.original, rates.original)
    estimates = {name: sound(path, rates.original) for name, path in trial.estimates.items()}
    time = min(map(len, (original, *estimates.values())))
    low = None
    if trial.low and rates.low:
        low = sound(trial.low, rates.low)
        time = min(time, len(low) * rates.original // rates.low)
        low = low[: time * rates.low // rates.original]
        time = len(low) * rates.original // rates.low
    return [
        _Signals(
            original[:time, channel],
            {name: estimate[:time, channel] for name, estimate in estimates.items()},
            None if low is None else low[:, channel],
        )
        for channel in range(original.shape[1])
    ]


def _sound(path: Path, rate: int, of: Path, wanted: audio_file.Info) -> np.ndarray:
    """A file, float32 [time, channels]; UserError if rate, channels or length do not fit."""
    header = wanted if path == of else audio_file.info(path)
    if header.rate != rate:
        raise UserError(f"{path}: is at {header.rate} Hz, but the comparison is at {rate} Hz")
    if header.channels != wanted.channels:
        raise UserError(f"{path}: has {header.channels} channels, and {of} {wanted.channels}")
    check_lengths(path, header, of, wanted)
    return audio_file.read(path)[0]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _example(name: str, rows: Mapping[str, np.ndarray], rate: int) -> Example:
    """The first seconds of the first channel of the compared signals, the original last."""
    beginnings = {title: row[: EXCERPT_SECONDS * rate].copy() for title, row in rows.items()}
    return Example(name, tuple(Panel(title, row, rate) for title, row in beginnings.items()))


class _Oddity(NamedTuple):
    """A remark about an estimate.

    Attributes:
        sentence: its text, with a place for the value.
        value: the value as text.
        badness: the remark with the largest one is reported.
    """

    sentence: str
    value: float
    badness: float


class _Remarks:
    """The remarks about the systems' files: the worst of each kind, and how many."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], dict[str, _Oddity]] = {}

    def add(self, trial: Trial, channels: Sequence[_Signals], rates: _Rates) -> None:
        for signals in channels:
            for name, estimate in signals.estimates.items():
                for oddity in _oddities(estimate, signals, rates):
                    of_files = self._found.setdefault((name, oddity.sentence), {})
                    known = of_files.get(trial.name, oddity)
                    of_files[trial.name] = max(known, oddity, key=lambda one: one.badness)

    def sentences(self, count: int) -> list[str]:
        """One for each system and kind, with the worst file."""
        texts = []
        for (system, sentence), of_files in self._found.items():
            name = max(of_files, key=lambda one: of_files[one].badness)
            told = sentence.format(of_files[name].value)
            texts.append(f"{system}: {told} in {name}; {len(of_files)} of {plural(count)}")
        return texts


def _oddities(estimate: np.ndarray, signals: _Signals, rates: _Rates) -> Iterator[_Oddity]:
    original = signals.original.astype(np.float64)
    energy, made = float(original @ original), float(np.sum(np.square(estimate, dtype=np.float64)))
    if not energy:
        return
    if not made:
        yield _Oddity("silence, where the original has sound,", 0, 0)
        return
    level = 10 * math.log10(made / energy)
    if abs(level) > _LEVEL_DB:
        yield _Oddity("level {:+.1f} dB from the original's", level, abs(level))
    if original @ estimate < _INVERTED * math.sqrt(energy * made):
        yield _Oddity("polarity inverted", 0, 0)
        return
    late = delay(original, estimate, min(int(_DELAY_SECONDS * rates.original), original.size // 2))
    if abs(late) > _DELAY_SAMPLES:
        yield _Oddity(f"{{}} samples {'late' if late > 0 else 'early'}", abs(late), abs(late))
    if rates.cutoff_hz:
        whose = "original's" if signals.low is None else "input's"
        wide = _wide(signals, rates)
        near = LowBandSnr()(wide, estimate[: wide.size], rates.original, rates.cutoff_hz)
        if near < _LOW_BAND_DB:
            yield _Oddity(f"low band not the {whose}, SNR {{:.1f}} dB", near, -near)
