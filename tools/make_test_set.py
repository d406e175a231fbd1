"""Write a test set as files: pairs of damaged recordings and what they were, the same for everyone.

    python tools/make_test_set.py hifi_res --gin configs/voicefixer.gin \
        --gin configs/data/hifi_res.gin --items 501 --seconds 3 \
        --gin_param 'DATA = "vctk44k"' --gin_param 'NOISE = "noise"' --gin_param 'ROOMS = "rooms"'
    python -m tfsr.evaluate --run_dir runs/voicefixer --protocol voicefixer \
        --low hifi_res/low --high hifi_res/high

Corpus, rates and degradation are those of the configurations, the last one deciding. Excerpts are
taken from one recording after the other, and again from the first after the last; with --by_speaker
from the first recording of each speaker. Where they begin and how they are damaged depends on
--seed and their number alone. --peak brings each to a level before it is damaged. FLAC of 24 bits;
`items.csv` says of every item where it is from and what its samples hash to, and the printed hash
of that list names the set.
"""

import argparse
import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfsr import audio_file, gin_config
from tfsr.atomic_files import write_text
from tfsr.data.pipeline import Patches
from tfsr.data.recordings import SPLITS, Recording
from tfsr.errors import UserError
from tfsr.evaluation.test_set import Degraded, Item, Preparation

LIST = "items.csv"


@dataclass(frozen=True)
class Excerpt(Recording):
    """A part of a recording.

    Attributes:
        of: the recording.
        begin: seconds after its beginning.
    """

    of: Recording
    begin: float

    def read(self, rate: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        first = int(self.begin * rate)
        return self.of.read(rate, first, first + self.length(rate))[start:stop]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a new one")
    parser.add_argument("--gin", action="append", required=True, help="may repeat")
    parser.add_argument("--gin_param", action="append", default=[], help="may repeat")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each, or what there is")
    parser.add_argument("--seed", type=int, default=0, help="at least 0")
    parser.add_argument("--by_speaker", action="store_true", help="one recording of each speaker")
    parser.add_argument("--peak", type=float, default=0.0, help="0 keeps the level")
    arguments = parser.parse_args()
    try:
        data = gin_config.experiment(arguments.gin, arguments.gin_param).data
        recordings = data.recordings(arguments.split)
        if arguments.by_speaker:
            recordings = first_of_speakers(recordings)
        chosen = excerpts(recordings, arguments.items, arguments.seconds, arguments.seed)
        print(make_test_set(arguments.folder, data, chosen, arguments.seed, arguments.peak))
    except UserError as error:
        parser.error(str(error))


def excerpts(
    recordings: Sequence[Recording], items: int, seconds: float, seed: int
) -> list[Excerpt]:
    """So many excerpts, of recordings in turns; shorter recordings are taken whole."""
    if not recordings or items < 1 or seconds <= 0 or seed < 0:
        raise UserError("needs recordings, an item at least, a positive --seconds, and --seed >= 0")
    return [excerpt(recordings[n % len(recordings)], n, seconds, seed) for n in range(items)]


def first_of_speakers(recordings: Sequence[Recording]) -> list[Recording]:
    """The first recording of each speaker."""
    first: dict[str, Recording] = {}
    for one in recordings:
        first.setdefault(one.speaker, one)
    return list(first.values())


def excerpt(recording: Recording, number: int, seconds: float, seed: int) -> Excerpt:
    spare = max(recording.seconds - seconds, 0)
    begin = np.random.default_rng([seed, number, 1]).uniform(0, spare)
    stem = Path(recording.name).stem
    return Excerpt(
        name=f"{number:04d}_{stem}",
        speaker=recording.speaker,
        split=recording.split,
        rate=recording.rate,
        samples=min(int(seconds * recording.rate), recording.samples),
        of=recording,
        begin=begin,
    )


def make_test_set(
    folder: Path, data: Patches, chosen: Sequence[Excerpt], seed: int, peak: float = 0.0
) -> str:
    """Write the pairs and then the list; what to tell of it.

    Args:
        peak: largest sample of an excerpt before it is damaged; 0 keeps the level.

    Raises:
        UserError: the folder has a set already, or something in it is missing or too loud.
    """
    if (folder / LIST).exists():
        raise UserError(f"{folder}: holds a test set already; give another folder")
    data.degradation.check()
    degraded = Degraded(chosen, data.degradation, Preparation(peak=peak), seed)
    items = degraded.items(data.input_rate, data.output_rate)
    pairs = zip(chosen, tqdm(items, "items", len(chosen), leave=False, disable=None), strict=True)
    rows = [row(folder, part, item, data, seed) for part, item in pairs]
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(folder / LIST, text.getvalue())
    digest = hashlib.sha256(text.getvalue().encode()).hexdigest()
    return f"{len(rows)} items of {degraded.description}\n{folder / LIST}: SHA-256 {digest}"


def row(folder: Path, part: Excerpt, item: Item, data: Patches, seed: int) -> dict:
    """Write a pair; its line in the list."""
    name = f"{item.name}.flac"
    return {
        "file": name,
        "source": part.of.name,
        "begin": round(part.begin, 6),
        "seconds": round(part.seconds, 6),
        "seed": seed,
        "low": save(folder / "low" / name, item.low, data.input_rate),
        "high": save(folder / "high" / name, item.high, data.output_rate),
    }


def save(path: Path, signal: np.ndarray, rate: int) -> str:
    """Write [time]; the SHA-256 of the samples as the file has them, float32."""
    if np.abs(signal).max() > 1:
        raise UserError(f"{path}: would be clipped; give a lower --peak")
    audio_file.write(path, signal[:, np.newaxis], rate, "PCM_24")
    kept = np.concatenate(list(audio_file.blocks(path, 2**16)))
    return hashlib.sha256(kept.astype("<f4").tobytes()).hexdigest()


if __name__ == "__main__":
    main()
