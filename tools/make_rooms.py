"""Simulate room impulse responses to train with, see `tfsr.degradation.room`.

    python tools/make_rooms.py ROOMS --count 2000 --jobs 2

needs `pip install 'tfsr[train]'`. Each response is a file, FLAC of 24 bits with a peak of 1;
`rooms.csv` tells of every room its size, its reverberation time as wanted and as measured, and who
stands where. A room depends on its number and the settings alone, so that a run that was stopped
goes on where it was, more rooms can be added, and the number of jobs makes no difference.

Rooms are boxes of one material. It absorbs what Norris and Eyring's formula says for the wanted
time, which is below 1 for any time (by Sabine's, large rooms cannot be as dry as 0.1 s). Image
sources give the first reflections, traced rays with scattering all others: by images alone a
second of decay in a small room takes 10 s, and long rooms decay up to twice as slowly as wanted.

Of the first 200 rooms at 44.1 kHz the reverberation time as measured (T30 of the octaves of 500 and
1000 Hz) by the one wanted has a median of 1.00, and nine in ten are within 0.94 and 1.12; beyond
1.2 are only times wanted below 0.15 s, which come out longer by 0.05 s at most. A room takes 0.3 s
on one thread, and 55 kB.
"""

import argparse
import csv
import functools
import json
import multiprocessing
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyroomacoustics
import scipy.signal
from pyroomacoustics.directivities import Cardioid, DirectionVector
from pyroomacoustics.experimental import measure_rt60

from tfsr import audio_file
from tfsr.atomic_files import new_file, write_text
from tfsr.errors import UserError

# Metres from the walls and from each other.
MARGIN = 0.5
# Reflections up to this order are images. Of later ones hardly any is left as one, because a wall
# scatters this share of what it reflects.
IMAGE_ORDER = 3
SCATTERING = 0.6
# The octaves of 500 and 1000 Hz, where reverberation times are told (ISO 3382-1), and the decay
# from which they are extrapolated.
MIDDLE_HZ = (354, 1414)
DECAY_DB = 30

Range = tuple[float, float]


@dataclass(frozen=True)
class Settings:
    """What makes a bank of rooms; ranges are (least, most), drawn from evenly.

    Attributes:
        rate: Hz.
        seed: of everything random, at least 0.
        sides: length, width and height in metres.
        rt60: seconds in which sound decays by 60 dB.
        cardioid: how often the microphone is one, turned any way but up and down; else it is
            omnidirectional.
    """

    rate: int
    seed: int
    sides: tuple[Range, Range, Range] = ((3.0, 8.0), (3.0, 8.0), (2.5, 4.0))
    rt60: Range = (0.1, 1.0)
    cardioid: float = 0.5

    def __post_init__(self):
        if self.seed < 0 or self.rate < 8000:
            raise UserError("--seed must be at least 0 and --rate at least 8000")
        if min(least for least, _ in self.sides) < 3 * MARGIN:
            raise UserError(f"--sides {self.sides}: rooms must measure {3 * MARGIN} m at least")
        if min(self.rt60) <= 0:
            raise UserError(f"--rt60 {self.rt60}: must be positive")


@dataclass(frozen=True)
class Place:
    """A room with a source and a microphone in it, in metres and seconds.

    Attributes:
        azimuth: where a cardioid microphone is turned to, in degrees; None is omnidirectional.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the responses go")
    parser.add_argument(
        "--count", type=positive, default=200, help="of rooms, those there included"
    )
    parser.add_argument("--rate", type=int, default=44100, help="Hz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sides", type=pair, nargs=3, metavar="LEAST,MOST", help="metres")
    parser.add_argument("--rt60", type=pair, metavar="LEAST,MOST", help="seconds")
    parser.add_argument("--jobs", type=positive, default=1)
    parser.add_argument(
        "--sim_defaults",
        action="store_true",
        help="as the authors' simulator has it: sides of 3 to 5 m, 0.1 to 0.5 s, cardioids",
    )
    arguments = parser.parse_args()
    try:
        rows = make_rooms(arguments.folder, chosen(arguments), arguments.count, arguments.jobs)
    except UserError as error:
        parser.error(str(error))
    print(agreement(rows))


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return int(text)


def pair(text: str) -> Range:
    least, most = map(float, text.split(","))
    if least > most:
        raise argparse.ArgumentTypeError(f"{text}: the least comes first")
    return least, most


def chosen(arguments: argparse.Namespace) -> Settings:
    given = {"rate": arguments.rate, "seed": arguments.seed}
    if arguments.sim_defaults:
        given |= {"sides": ((3.0, 5.0),) * 3, "rt60": (0.1, 0.5), "cardioid": 1.0}
    if arguments.sides:
        given["sides"] = tuple(arguments.sides)
    if arguments.rt60:
        given["rt60"] = arguments.rt60
    return Settings(**given)


def make_rooms(folder: Path, settings: Settings, count: int, jobs: int = 1) -> list[dict]:
    """Make the responses that are missing in a folder, and the table of all; its rows.

    Raises:
        UserError: the folder has rooms of other settings, or cannot be written.
    """
    claim(folder, settings)
    work = functools.partial(make_room, folder, settings)
    if jobs == 1:
        rows = followed(map(work, range(count)), count)
    else:
        with multiprocessing.Pool(jobs) as pool:
            rows = followed(pool.imap(work, range(count)), count)
    with new_file(folder / "rooms.csv") as part, part.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return rows


def claim(folder: Path, settings: Settings) -> None:
    """Keep the settings in the folder, unless it has others."""
    path, text = folder / "settings.json", json.dumps(asdict(settings), indent=1)
    if path.exists() and path.read_text() != text:
        raise UserError(f"{folder}: has rooms of other settings ({path}); give another folder")
    write_text(path, text)


def followed(rows: Iterable[dict], count: int) -> list[dict]:
    done = []
    for row in rows:
        done.append(row)
        print(f"\r{len(done)} of {count} rooms", end="", flush=True)
    print()
    return done


def make_room(folder: Path, settings: Settings, number: int) -> dict:
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
        "rt60_measured": round(middle_rt60(response, settings.rate), 3),
        "pattern": "omni" if place.azimuth is None else "cardioid",
        "azimuth": "" if place.azimuth is None else round(place.azimuth),
        **dict(zip(("source_x", "source_y", "source_z"), place.source.round(3), strict=True)),
        **dict(zip(("mic_x", "mic_y", "mic_z"), place.microphone.round(3), strict=True)),
    }


def draw(settings: Settings, rng: np.random.Generator) -> Place:
    sides = rng.uniform(*np.transpose(settings.sides))
    rt60 = rng.uniform(*settings.rt60)
    source = microphone = rng.uniform(MARGIN, sides - MARGIN)
    while np.linalg.norm(source - microphone) < MARGIN:
        microphone = rng.uniform(MARGIN, sides - MARGIN)
    azimuth = rng.uniform(0, 360) if rng.random() < settings.cardioid else None
    return Place(sides, rt60, source, microphone, azimuth)


def simulate(place: Place, rate: int, seed: list[int]) -> np.ndarray:
    """The response with its delay on the direct path: float64 [time] with a peak of 1."""
    pyroomacoustics.random.seed(seed)
    # The order of its sums, and so the last bits, would depend on the machine.
    pyroomacoustics.constants.set("num_threads", 1)
    room = pyroomacoustics.ShoeBox(
        place.sides,
        fs=rate,
        materials=pyroomacoustics.Material(place.absorption, SCATTERING),
        max_order=IMAGE_ORDER,
        air_absorption=True,
        ray_tracing=True,
    )
    room.add_source(place.source)
    room.add_microphone(place.microphone, directivity=pattern(place.azimuth))
    room.compute_rir()
    # Its interpolation puts half a filter before everything.
    response = room.rir[0][0][pyroomacoustics.constants.get("frac_delay_length") // 2 :]
    return response / np.abs(response).max()


def pattern(azimuth: float | None) -> Cardioid | None:
    return None if azimuth is None else Cardioid(DirectionVector(azimuth=azimuth, colatitude=90))


def middle_rt60(response: np.ndarray, rate: int) -> float:
    """Seconds, of the middle frequencies, extrapolated from a decay by 30 dB."""
    sections = scipy.signal.butter(4, MIDDLE_HZ, "bandpass", fs=rate, output="sos")
    return float(measure_rt60(scipy.signal.sosfilt(sections, response), rate, DECAY_DB))


def agreement(rows: list[dict]) -> str:
    """How the measured reverberation times compare with those wanted."""
    ratios = [row["rt60_measured"] / row["rt60"] for row in rows]
    least, low, median, high, most = np.quantile(ratios, [0, 0.05, 0.5, 0.95, 1])
    return (
        f"RT60 measured by wanted: median {median:.2f}, nine in ten {low:.2f} to {high:.2f}, "
        f"all {least:.2f} to {most:.2f}"
    )


if __name__ == "__main__":
    main()
