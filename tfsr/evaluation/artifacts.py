"""Tonal artifacts: the tones that an upsampler makes from silence and from a constant.

A network that works in strides may treat the positions within a stride differently. Its answer to a
constant then has a period of P samples, and lines at the multiples of rate / P. Subpixel layers do
so: P is the product of their factors. King et al. 2021 look at the spectrogram of 5 s of silence;
here the lines are measured.

Levels are in dBFS: the mean square relative to that of a full-scale sine, which has 0 dBFS. (A
signal that alternates between 1 and -1, at half the rate, is a square wave and has 3 dBFS.) The
answer to a constant is exactly periodic, so that there is nothing between its lines. Levels are
therefore limited to `FLOOR_DBFS` from below, and the excess counts from there.
"""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tfsr.atomic_files import new_file, write_text
from tfsr.errors import UserError
from tfsr.evaluation import report
from tfsr.inference.chunks import upsample_array
from tfsr.plot import Spectrum, spectra_png
from tfsr.upsamplers.base import Upsampler

FLOOR_DBFS = -120.0
"""Level of nothing: far below the rounding noise of a 16-bit file, which has -98 dBFS."""

RISES_DB = 6.0
"""Smallest excess of a tone; the spectrum of noise fluctuates by about 1 dB."""

PROBES = {"zeros": 0.0, "constant": 0.1}
"""The inputs: name -> value of every sample."""

SECONDS = 5
"""Measured seconds of each answer, as in King et al. 2021."""

SHOWN = 12
"""Number of lines in the table for each probe."""

# A Blackman-Harris window widens a line that falls on a bin to this many bins on each side, and to
# none beyond: its transform is zero there.
_SKIRT = 3
_SEGMENT_SECONDS = 0.25


@dataclasses.dataclass(frozen=True)
class Line:
    """A frequency where a tone can occur.

    Args:
        hz: its frequency.
        level_dbfs: its level.
        excess_db: level above the median of its neighbourhood, half-way to the next places.
    """

    hz: float
    level_dbfs: float
    excess_db: float


@dataclasses.dataclass(frozen=True)
class Probe:
    """The answer to one constant.

    Args:
        name: of the constant, in `PROBES`.
        lines: at all multiples of rate / period up to half the rate, the tones and the rest. The
            constant's own line at 0 Hz is left out.
        frequencies: Hz [bins].
        levels: dBFS [bins], without the mean. The JSON form has neither frequencies nor levels.
    """

    name: str
    lines: tuple[Line, ...]
    frequencies: np.ndarray = dataclasses.field(compare=False, repr=False)
    levels: np.ndarray = dataclasses.field(compare=False, repr=False)

    @property
    def tones(self) -> tuple[Line, ...]:
        """The lines that rise above their surroundings, the strongest first."""
        rising = (line for line in self.lines if line.excess_db >= RISES_DB)
        return tuple(sorted(rising, key=lambda line: -line.level_dbfs))

    @property
    def strongest(self) -> Line | None:
        return self.tones[0] if self.tones else None

    @property
    def sum_dbfs(self) -> float:
        """The power of all tones together; the floor if there is none."""
        powers = [10 ** (line.level_dbfs / 10) for line in self.tones]
        return 10 * math.log10(sum(powers)) if powers else FLOOR_DBFS


@dataclasses.dataclass(frozen=True)
class Artifacts:
    """The tones of an upsampler.

    Args:
        system: the measured system, by a name that readers know.
        rate: of its output, in Hz.
        period: P, in output samples.
        probes: its answers to the constants.
    """

    system: str
    rate: int
    period: int
    probes: tuple[Probe, ...]

    def summary(self) -> str:
        """The possible frequencies of lines and their strength, one line of text per probe."""
        return "\n".join([self._head(), *(_summary(probe) for probe in self.probes)])

    def table(self) -> str:
        """The strongest tones of each probe."""
        head = _row("probe", "Hz", "level dBFS", "excess dB")
        return "\n".join([head, *(row for probe in self.probes for row in _rows(probe))])

    def to_json(self) -> str:
        """All lines in the order of their frequencies, without the spectra."""
        fields = {
            "system": self.system,
            "rate": self.rate,
            "period": self.period,
            "floor_dbfs": FLOOR_DBFS,
            "probes": [_fields(probe) for probe in self.probes],
        }
        return json.dumps(fields, indent=2, allow_nan=False) + "\n"

    def _head(self) -> str:
        if self.period < 2:
            return f"{self.system}, {self.rate} Hz: no lines are possible, its period is 1 sample"
        return (
            f"{self.system}, {self.rate} Hz: lines are possible at the multiples of "
            f"{self.rate / self.period:.1f} Hz, its period is {self.period} samples"
        )


def measure_run(upsampler: Upsampler, run_dir: Path, folder: Path | None = None) -> Artifacts:
    """Measure a run's upsampler, print its tones, and write lines.json and spectrum.png.

    Args:
        upsampler: of the run, with the trained weights.
        run_dir: names the run; the files are written in a folder below it.
        folder: for the files; None: evaluation/artifacts in the run directory.

    Raises:
        UserError: the files cannot be written, or the upsampler's output is not finite.
    """
    folder = report.make_folder(folder or Path(run_dir) / "evaluation" / "artifacts")
    artifacts = measure(upsampler, Path(run_dir).resolve().name)
    print(artifacts.table(), artifacts.summary(), sep="\n\n", end="\n\n")
    write_text(folder / "lines.json", artifacts.to_json())
    with new_file(folder / "spectrum.png") as part:
        part.write_bytes(picture(artifacts))
    print(f"picture {folder / 'spectrum.png'}", flush=True)
    return artifacts


def measure(upsampler: Upsampler, system: str | None = None, seed: int = 0) -> Artifacts:
    """Feed each constant of `PROBES` and measure the lines of the answer.

    Args:
        upsampler: any; its `hop` and rates determine where lines can occur.
        system: its name in the results; None: the name of its class.
        seed: of its noise, if it uses any.

    Raises:
        UserError: its output is not finite.
    """
    system = system or type(upsampler).__name__
    period = upsampler.hop * upsampler.ratio
    probes = tuple(
        _probe(name, _answer(upsampler, value, system, seed), upsampler.output_rate, period)
        for name, value in PROBES.items()
    )
    return Artifacts(system, upsampler.output_rate, period, probes)


def picture(artifacts: Artifacts) -> bytes:
    """The spectra as a PNG file, see `plot.spectra_png`."""
    spectra = [
        Spectrum(probe.name, probe.frequencies, probe.levels, [line.hz for line in probe.lines])
        for probe in artifacts.probes
    ]
    return spectra_png(spectra, FLOOR_DBFS)


def _answer(upsampler: Upsampler, value: float, system: str, seed: int) -> np.ndarray:
    """The steady part of the output, float64 [time], which depends on neither end of the input."""
    kept = max(SECONDS * upsampler.input_rate, 4 * _segment(upsampler) // upsampler.ratio)
    # Where the ends reach without bound, the middle half is all that can be had.
    reach = kept // 2 if upsampler.receptive_field is None else upsampler.receptive_field
    low = np.full([kept + 2 * reach], value, np.float32)
    high = upsample_array(upsampler, low, seed=seed)[reach * upsampler.ratio :]
    steady = high[: kept * upsampler.ratio].astype(np.float64)
    if not np.isfinite(steady).all():
        raise UserError(f"{system} answers a constant with values that are not finite: train anew")
    return steady


def _probe(name: str, steady: np.ndarray, rate: int, period: int) -> Probe:
    from scipy.signal import welch

    # The segments hold whole periods, so that the lines fall on bins and the mean has no skirt.
    spacing = _bins_between_lines(rate, period)
    segment = spacing * period
    _, power = welch(steady, rate, "blackmanharris", nperseg=segment, scaling="spectrum")
    frequencies = np.arange(len(power)) * rate / segment
    # A full-scale sine has the mean square 1/2.
    levels = 10 * np.log10(np.maximum(2 * power, 10 ** (FLOOR_DBFS / 10)))
    places = range(spacing, len(levels), spacing)
    lines = tuple(_line(place, frequencies, levels, spacing) for place in places)
    return Probe(name, lines, frequencies, levels)


def _line(place: int, frequencies: np.ndarray, levels: np.ndarray, spacing: int) -> Line:
    """The line at bin `place`; its surroundings are bins outside the skirts of all lines."""
    offsets = np.arange(_SKIRT + 1, spacing // 2 + 1)
    around = np.concatenate([place - offsets, place + offsets])
    around = around[(around >= 0) & (around < len(levels))]
    level = float(levels[place])
    return Line(float(frequencies[place]), level, level - float(np.median(levels[around])))


def _segment(upsampler: Upsampler) -> int:
    """Length of the transforms, in output samples."""
    period = upsampler.hop * upsampler.ratio
    return period * _bins_between_lines(upsampler.output_rate, period)


def _bins_between_lines(rate: int, period: int) -> int:
    """An even number, so that half the rate is a bin, and enough for a neighbourhood."""
    return max(2 * math.ceil(_SEGMENT_SECONDS * rate / period / 2), 16)


def _summary(probe: Probe) -> str:
    if probe.strongest is None:
        return f"{probe.name}: no line rises above the floor"
    strongest = probe.strongest
    return (
        f"{probe.name}: strongest {strongest.level_dbfs:.1f} dBFS at {strongest.hz:.1f} Hz, "
        f"all {len(probe.tones)} together {probe.sum_dbfs:.1f} dBFS"
    )


def _rows(probe: Probe) -> list[str]:
    if not probe.tones:
        return [_row(probe.name, "no line rises above the floor")]
    rows = [
        _row(probe.name, f"{line.hz:.1f}", f"{line.level_dbfs:.1f}", f"{line.excess_db:.1f}")
        for line in probe.tones[:SHOWN]
    ]
    others = len(probe.tones) - SHOWN
    return [*rows, _row(probe.name, f"and {others} weaker")] if others > 0 else rows


def _row(name: str, *cells: str) -> str:
    return "  ".join([f"{name:<8}", *(f"{cell:>10}" for cell in cells)])


def _fields(probe: Probe) -> dict[str, Any]:
    return {
        "name": probe.name,
        "tones": len(probe.tones),
        "strongest": dataclasses.asdict(probe.strongest) if probe.strongest else None,
        "sum_dbfs": probe.sum_dbfs,
        "lines": [dataclasses.asdict(line) for line in probe.lines],
    }
