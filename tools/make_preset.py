"""Make a preset of a trained run, with its model card; or bring one up to this version of tfsr.

    python tools/make_preset.py speech-16k-x2 --run_dir runs/spectral \
        --description 'Speech, 8 to 16 kHz' --configuration configs/spectral.gin \
        --scores scores_tfsr.json --scores scores_apbwe.json --test_set 'speech, p228 and words'
    python tools/make_preset.py speech-16k-x2 --refresh

Writes the model folder in `tfsr.presets`, and docs/presets.md from all of them. Scores are what
`python -m tfsr.evaluate --json` writes; "noise=scores.json" says what they are scores of, where
there are several by one protocol. A preset of that name is replaced. Weights are kept in
float16 where the outputs of the bundled test recordings stay within 60 dB of float32's.

With --refresh it opens the preset and writes it again, with its TensorFlow Lite files, from the
same weights; what its card says stays.
"""

import argparse
import dataclasses
import datetime
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from benchmark import machine
from timing import timed, use_threads

from tfsr import command, presets
from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.model_card import SUITED_TO, ModelCard
from tfsr.presets.card import page

SECONDS = 10
LEAST_DB = 60


def main() -> None:
    arguments = _arguments()
    command.prepare_tensorflow()
    use_threads(1)
    upsampler = _refreshed(arguments.name) if arguments.refresh else _made(arguments)
    write(upsampler, presets.folder() / arguments.name)
    write_text(arguments.cards, page([presets.get(name) for name in presets.names()]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--refresh", action="store_true", help="of a preset that is there already")
    parser.add_argument("--run_dir")
    parser.add_argument("--description")
    parser.add_argument("--suited_to", choices=SUITED_TO, default="")
    parser.add_argument("--configuration")
    parser.add_argument("--scores", action="append")
    parser.add_argument("--test_set", help="what they are scores of")
    parser.add_argument("--cards", default="docs/presets.md")
    arguments = parser.parse_args()
    for name in () if arguments.refresh else _NEEDED:
        if not getattr(arguments, name):
            parser.error(f"give --{name}, or --refresh")
    return arguments


_NEEDED = ("run_dir", "description", "configuration", "scores", "test_set")


def _refreshed(name: str):
    """The preset's upsampler; how much it computes may have changed since."""
    from tfsr.loading import load_upsampler

    upsampler = load_upsampler(name, for_training=False)
    upsampler.card = dataclasses.replace(upsampler.card, **size(upsampler))
    return upsampler


def _made(arguments: argparse.Namespace):
    """The run's upsampler, without what only training needs, and what is known of it."""
    from tfsr import model_folder
    from tfsr.loading import load_upsampler

    # By way of a folder: the configuration of a run has critics and losses too.
    with tempfile.TemporaryDirectory() as name:
        load_upsampler(arguments.run_dir).save(Path(name, "model"))
        upsampler = model_folder.load(Path(name, "model"), for_training=False)
    upsampler.card = card(upsampler, arguments)
    return upsampler


def card(upsampler, arguments: argparse.Namespace) -> ModelCard:
    """From what the run knows, what is told here, and what is measured now."""
    return dataclasses.replace(
        upsampler.card,
        **size(upsampler),
        description=arguments.description,
        suited_to=arguments.suited_to,
        real_time_factor=round(real_time_factor(upsampler), 5),
        machine=f"{machine()}, 1 thread, {datetime.date.today()}",
        configuration=arguments.configuration,
        scores=dict(map(_means, arguments.scores)),
        test_set=arguments.test_set,
    )


def size(upsampler) -> dict[str, int]:
    from tfsr.upsamplers.complexity import complexity

    cost = complexity(upsampler)
    return {"parameters": cost.parameters, "multiply_adds": cost.multiply_adds}


def real_time_factor(upsampler) -> float:
    """Of whole files, the best of three."""
    from tfsr.inference.chunks import upsample_array

    low = np.random.default_rng(0).normal(0, 0.1, SECONDS * upsampler.input_rate)
    low = low.astype(np.float32)

    def upsample() -> None:
        upsample_array(upsampler, low, upsampler.chunk)

    upsample()
    return min(timed(upsample) for _ in range(3)) / SECONDS


def _means(scores: str) -> tuple[str, dict]:
    """What FILE, or NAME=FILE, holds: protocol, or "protocol, name", and the means by it."""
    name, _, path = scores.rpartition("=")
    found = json.loads(Path(path).read_text())
    return ", ".join(filter(None, (found["protocol"], name))), found["means"]


def write(upsampler, folder: Path) -> None:
    """The model folder and its TensorFlow Lite files, all of them or none."""
    from tfsr.atomic_files import replaced_folder
    from tfsr.export import model_files

    half = _agreement_db(upsampler) > LEAST_DB
    with tempfile.TemporaryDirectory() as made:
        model_files.save(upsampler, Path(made, folder.name), half)
        _check(Path(made, folder.name))
        with replaced_folder(folder) as part:
            shutil.copytree(Path(made, folder.name), part, dirs_exist_ok=True)


def _agreement_db(upsampler) -> float:
    """Of what float16 weights make with what float32 ones make, in the worst test recording."""
    from tfsr import model_folder

    with tempfile.TemporaryDirectory() as folder:
        model_folder.save(upsampler, Path(folder, "half"), half_precision=True)
        half = model_folder.load(Path(folder, "half"))
    lows = _recordings(upsampler)
    return min(_snr_db(upsampler.upsample(low), half.upsample(low)) for low in lows)


def _snr_db(a, b) -> float:
    a, b = np.float64(a), np.float64(b)
    return 10 * np.log10(np.sum(a**2) / max(np.sum((a - b) ** 2), 1e-30))


def _recordings(upsampler) -> list[np.ndarray]:
    """The bundled ones at the input rate, cut off by a low-pass filter too, float32 [1, time]."""
    from tfsr.data.bundled import Bundled
    from tfsr.degradation.decimation import Decimate

    low, high = upsampler.input_rate, upsampler.output_rate
    tests = Bundled().recordings("test")
    lows = [one.read(low) for one in tests]
    lows += [Decimate()(one.read(high), high, low, np.random.default_rng(0)) for one in tests]
    return [np.float32(low)[np.newaxis] for low in lows]


def _check(folder: Path) -> None:
    """That the file for TensorFlow Lite makes what the folder's upsampler makes."""
    from tfsr.inference.chunks import upsample_array
    from tfsr.loading import load, load_upsampler

    systems = load_upsampler(folder), load(folder).backend
    for low in _recordings(systems[0])[:3]:
        one, other = (upsample_array(system, low[0], system.chunk) for system in systems)
        difference = np.max(np.abs(one - other))
        if difference > 1e-4:
            raise UserError(f"{folder}: its TensorFlow Lite file differs by {difference:.1e}")


if __name__ == "__main__":
    main()
