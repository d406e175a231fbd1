"""Simulated room responses, for `tfsr.degradation.room.Room` to draw from.

Rooms are boxes of one material. It absorbs what the formula of Norris and Eyring says for the
wanted time. That is below 1 for any time; by Sabine's formula, large rooms could not be as dry as
0.1 s. Image sources give the first reflections, and traced rays with scattering give all others. By
images alone, a second of decay in a small room takes 10 s to compute. Long rooms then decay up to
twice as slowly as wanted.

The first 200 rooms at 44.1 kHz were measured: T30 of the octaves of 500 and 1000 Hz, over the
wanted time. The median is 1.00, and nine in ten are within 0.94 and 1.12. Above 1.2 are only wanted
times below 0.15 s, which come out longer by 0.05 s at most. A room takes 0.3 s on one thread, and
55 kB.
"""

import contextlib
import csv
import functools
import json
import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyroomacoustics
import scipy.signal
from pyroomacoustics.directivities import Cardioid, DirectionVector
from pyroomacoustics.experimental import measure_rt60
from tqdm import tqdm

from tfsr import audio_file
from tfsr.atomic_files import new_file, write_text
from tfsr.errors import UserError

# Metres from the walls and from each other.
_MARGIN = 0.5
# Reflections up to this order are images. Of later ones hardly any is left as one, because a wall
# scatters this share of what it reflects.
_IMAGE_ORDER = 3
_SCATTERING = 0.6
# The octaves of 500 and 1000 Hz, where reverberation times are told (ISO 3382-1), and the decay
# from which they are extrapolated.
_MIDDLE_HZ = (354, 1414)
_DECAY_DB = 30


@dataclass(frozen=True)
class Settings:
    """How rooms are drawn. Ranges are (least, most), drawn from evenly.

    Args:
        rate: Hz, at least 8000.
        seed: seed of everything random, at least 0.
        sides: ranges of length, width and height, in metres, at least 1.5.
        rt60: range of the time in which sound decays by 60 dB, in seconds.
        cardioid: share of microphones that are cardioids, turned to any side. All others are
            omnidirectional.

    Raises:
        UserError: a value is out of its range.
    """

    rate: int
    seed: int
    sides: tuple[tuple[float, float], ...] = ((3.0, 8.0), (3.0, 8.0), (2.5, 4.0))
    rt60: tuple[float, float] = (0.1, 1.0)
    cardioid: float = 0.5

    def __post_init__(self):
        if self.seed < 0 or self.rate < 8000:
            raise UserError("rooms: --seed must be at least 0, and --rate at least 8000")
        if min(least for least, _ in self.sides) < 3 * _MARGIN:
            raise UserError(
                f"rooms: sides of {self.sides} m; --length, --width and --height must be at least "
                f"{3 * _MARGIN}"
            )
        if min(self.rt60) <= 0:
            raise UserError(f"rooms: --rt60 {self.rt60} must be positive")


@dataclass(frozen=True)
class Place:
    """A room with a source and a microphone in it.

    Attributes:
        sides: length, width and height in metres.
        rt60: seconds in which sound decays by 60 dB.
        source, microphone: coordinates in metres.
        azimuth: degrees, to where a cardioid microphone is turned. None: it is omnidirectional.
    """

    sides: np.ndarray
    rt60: float
    source: np.ndarray
    microphone: np.ndarray
    azimuth: float | None

    @property
    def absorption(self) -> float:
        """The share of its energy that sound loses at a wall."""
        surface_to_volume = 2 * (1 / self.sides).sum()
        speed = pyroomacoustics.constants.get("c")
        return 1 - np.exp(-24 * np.log(10) / (speed * surface_to_volume * self.rt60))


def make_rooms(
    folder: str | os.PathLike, settings: Settings, count: int, jobs: int = 1
) -> list[dict]:
    """Make the responses that a folder lacks, and `rooms.csv`, the table of all.

    A room depends on its number and the settings alone. So a run that was stopped goes on where it
    was. More rooms can be added later, and the number of jobs makes no difference.

    Args:
        folder: where the responses go, FLAC files of 24 bits with a peak of 1.
        settings: how rooms are drawn.
        count: number of rooms, with those that are there already.
        jobs: number of processes.

    Returns:
        The rows of the table: of each room its file, sides, reverberation times as wanted and as
        measured, and where source and microphone are.

    Raises:
        UserError: the folder has rooms of other settings, or cannot be written.
    """
    folder = Path(folder)
    _claim(folder, settings)
    work = functools.partial(_made, folder, settings)
    with contextlib.ExitStack() as stack:
        made: Iterable[dict] = map(work, range(count))
        if jobs > 1:
            made = stack.enter_context(multiprocessing.Pool(jobs)).imap(work, range(count))
        rows = list(tqdm(made, "rooms", count, disable=None))
    with new_file(folder / "rooms.csv") as part, part.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return rows


def _claim(folder: Path, settings: Settings) -> None:
    """Keep the settings in the folder, unless it has others."""
    path, text = folder / "settings.json", json.dumps(asdict(settings), indent=1)
    if path.exists() and path.read_text() != text:
        raise UserError(f"{folder}: has rooms of other settings ({path}); give another folder")
    write_text(path, text)


def _made(folder: Path, settings: Settings, number: int) -> dict:
    """The row of a room in the table; its response is made if it is not there."""
    place = draw(settings, np.random.default_rng([settings.seed, number]))
    path = folder / f"room{number:06d}.flac"
    if not path.exists():
        response = simulate(place, settings.rate, [settings.seed, number])
        audio_file.write(path, response[:, np.newaxis], settings.rate, "PCM_24")
    response = np.concatenate(list(audio_file.blocks(path, 2**16)))[:, 0]
    return {
        "file": path.name,
        **dict(zip(("length", "width", "height"), place.sides.round(3), strict=True)),
        "rt60": round(place.rt60, 3),
        "rt60_measured": round(_middle_rt60(response, settings.rate), 3),
        "pattern": "omni" if place.azimuth is None else "cardioid",
        "azimuth": "" if place.azimuth is None else round(place.azimuth),
        **dict(zip(("source_x", "source_y", "source_z"), place.source.round(3), strict=True)),
        **dict(zip(("mic_x", "mic_y", "mic_z"), place.microphone.round(3), strict=True)),
    }


def draw(settings: Settings, rng: np.random.Generator) -> Place:
    """A room with a source and a microphone, half a metre or more from walls and each other."""
    sides = rng.uniform(*np.transpose(settings.sides))
    rt60 = rng.uniform(*settings.rt60)
    source = microphone = rng.uniform(_MARGIN, sides - _MARGIN)
    while np.linalg.norm(source - microphone) < _MARGIN:
        microphone = rng.uniform(_MARGIN, sides - _MARGIN)
    azimuth = rng.uniform(0, 360) if rng.random() < settings.cardioid else None
    return Place(sides, rt60, source, microphone, azimuth)


def simulate(place: Place, rate: int, seed: list[int]) -> np.ndarray:
    """The response of a room, with the delay of the direct path.

    Args:
        place: the room.
        rate: Hz.
        seed: seed of the traced rays.

    Returns:
        float64 [time] with a peak of 1.
    """
    pyroomacoustics.random.seed(seed)
    # The order of its sums, and so the last bits, would depend on the machine.
    pyroomacoustics.constants.set("num_threads", 1)
    room = pyroomacoustics.ShoeBox(
        place.sides,
        fs=rate,
        materials=pyroomacoustics.Material(place.absorption, _SCATTERING),
        max_order=_IMAGE_ORDER,
        air_absorption=True,
        ray_tracing=True,
    )
    room.add_source(place.source)
    room.add_microphone(place.microphone, directivity=_pattern(place.azimuth))
    room.compute_rir()
    # Its interpolation puts half a filter before everything.
    response = room.rir[0][0][pyroomacoustics.constants.get("frac_delay_length") // 2 :]
    return response / np.abs(response).max()


def _pattern(azimuth: float | None) -> Cardioid | None:
    return None if azimuth is None else Cardioid(DirectionVector(azimuth=azimuth, colatitude=90))


def _middle_rt60(response: np.ndarray, rate: int) -> float:
    """Seconds, of the middle frequencies, extrapolated from a decay by 30 dB."""
    sections = scipy.signal.butter(4, _MIDDLE_HZ, "bandpass", fs=rate, output="sos")
    return float(measure_rt60(scipy.signal.sosfilt(sections, response), rate, _DECAY_DB))


def agreement(rows: Sequence[Mapping[str, float]]) -> str:
    """A line that says how measured reverberation times compare with wanted ones."""
    ratios = [row["rt60_measured"] / row["rt60"] for row in rows]
    least, low, median, high, most = np.quantile(ratios, [0, 0.05, 0.5, 0.95, 1])
    return (
        f"RT60 measured by wanted: median {median:.2f}, nine in ten {low:.2f} to {high:.2f}, "
        f"all {least:.2f} to {most:.2f}"
    )
