"""Measure what systems are as exported files and write the table of docs/export.md.

    python tools/export_matrix.py --output docs/export.md --run_dir runs/quickstart \
        --config configs/small/mugan.gin --config configs/apbwe.gin:CHANNELS=64

Test utterances of the bundled speech go through all files of a system, damaged as its configuration
says. What stands below the table in --output stays there. Each system has a process of its own.
"""

import argparse
import datetime
import functools
import json
import multiprocessing
import os
import platform
import tempfile
from pathlib import Path

from benchmark import machine, table
from timing import in_turns, use_threads

from tfsr import command

TIMED = ("float32", "dynamic_int8")
KINDS = ("float32", "float16", "int8", "dynamic_int8", "full_int8")
ADVICE = "\n## Which for what\n"
HEAD = ["system", "parameters", "SavedModel", *KINDS, "seconds", "LSD"]
HEAD += [*(f"{kind} LSD" for kind in KINDS[1:]), "difference", "operations", "dynamic_int8 time"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run_dir", action="append", default=[], help="trained; may repeat")
    parser.add_argument(
        "--config", action="append", default=[], help="FILE[:SETTING...], untrained; may repeat"
    )
    parser.add_argument("--utterances", type=int, default=8, help="of the bundled test set")
    parser.add_argument("--seconds", type=float, default=2, help="of each of them")
    parser.add_argument("--kept", type=Path, help="folder of rows, which are not measured again")
    parser.add_argument("--output", type=Path, required=True, help="the page to write")
    arguments = parser.parse_args()
    command.prepare_tensorflow()
    rows = [row(name, arguments) for name in arguments.run_dir + arguments.config]
    arguments.output.write_text(page(rows) + advice(arguments.output))


def row(name: str, arguments: argparse.Namespace) -> dict:
    """A run or configuration, measured in a process of its own, unless that was done before."""
    kept = arguments.kept and arguments.kept / f"{name.replace('/', '_')}.json"
    if kept and kept.exists():
        return json.loads(kept.read_text())
    with multiprocessing.get_context("spawn").Pool(1, use_threads, [1]) as pool:
        trained = name in arguments.run_dir
        found = pool.apply(measure, (name, trained, arguments.utterances, arguments.seconds))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found))
    return found


def measure(name: str, trained: bool, utterances: int, seconds: float) -> dict:
    import numpy as np

    from tfsr import gin_config
    from tfsr.evaluation.metrics import Lsd

    if trained:
        experiment = gin_config.load_run(name)
    else:
        file, *settings = name.split(":")
        experiment = gin_config.experiment([file], settings)
        experiment.upsampler.initialize()
    upsampler = experiment.upsampler
    signals = [damaged(experiment, number, seconds) for number in range(utterances)]
    with tempfile.TemporaryDirectory() as folder:
        files = exported(experiment, Path(folder), trained)
    made = {kind: [run(low) for low, _ in signals] for kind, run in files["runs"].items()}
    rates = upsampler.output_rate, upsampler.input_rate / 2
    distances = {
        kind: np.mean([Lsd()(high, y, *rates) for (_, high), y in zip(signals, ys, strict=True)])
        for kind, ys in made.items()
    }
    low, keras = signals[0][0], upsampler.serve(*inputs(upsampler, signals[0][0]))[0]
    ways = files["saved_model"](low), made["float32"][0]
    times = in_turns(*(functools.partial(files["runs"][kind], low) for kind in TIMED))
    return {
        "name": f"runs/{Path(name).name}" if trained else name,
        "trained": trained,
        "seconds": sum(high.size for _, high in signals) / upsampler.output_rate,
        "parameters": files["parameters"],
        "megabytes": files["megabytes"],
        "lsd": distances,
        "difference": max(float(np.abs(way - keras).max()) for way in ways),
        "operations": files["operations"],
        "time": times[1] / times[0],
        "refused": files["refused"],
    }


def damaged(experiment, number: int, seconds: float) -> tuple:
    """A part of a bundled test utterance, its low-rate input and what it was, float32 [time]."""
    import numpy as np

    from tfsr.data.bundled import Bundled

    data, rate = experiment.data, experiment.data.output_rate
    recording = Bundled().recordings("test")[number]
    first = rate // 2  # after the silence
    stop = min(first + int(seconds * rate), recording.length(rate))
    high = recording.read(rate, first, stop - (stop - first) % data.ratio)
    random = np.random.default_rng(number)
    pair = data.degradation.pair(high, rate, data.input_rate, random)
    return tuple(np.float32(signal) for signal in pair)


def inputs(upsampler, low) -> list:
    """A batch of one, and noise for it where that is drawn."""
    import numpy as np

    shape = [upsampler.noise_steps, 1, upsampler.ratio * low.size]
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    return [low[np.newaxis], noise] if upsampler.noise_steps else [low[np.newaxis]]


def exported(experiment, folder: Path, trained: bool) -> dict:
    """All files of an upsampler: functions of [time], sizes, operations, and why one is missing.

    Ranges of activations are measured on training data, for a trained network alone.
    """
    import tensorflow as tf

    from tfsr.errors import UserError
    from tfsr.export.quantization import QUANTIZATIONS, representative
    from tfsr.export.saved_model import SIGNATURE, export_saved_model
    from tfsr.export.tflite import quantized
    from tfsr.lite.interpreter import WholeRecordings

    upsampler, place = experiment.upsampler, folder / "saved_model"
    export_saved_model(upsampler, place)
    signature = "with_noise" if upsampler.noise_steps else SIGNATURE
    model = tf.saved_model.load(str(place))

    def served(low):
        named = zip(("audio", "noise"), inputs(upsampler, low), strict=False)
        tensors = {name: tf.constant(value) for name, value in named}
        return model.signatures[signature](**tensors)["audio"].numpy()[0]

    sizes = [file.stat().st_size for file in place.rglob("*") if file.is_file()]
    result = {"saved_model": served, "runs": {}, "refused": {}}
    result["megabytes"] = {"SavedModel": sum(sizes) / 1e6}
    result["parameters"] = sum(weight.shape.num_elements() for weight in model.weights)
    for kind in KINDS if trained and not upsampler.noise_steps else KINDS[:-1]:
        file, quantization = folder / f"{kind}.tflite", QUANTIZATIONS.get(kind)
        patches = representative(experiment.data) if kind == "full_int8" else ()
        try:
            file.write_bytes(quantized(place, quantization, patches, [signature]))
        except UserError as error:
            result["refused"][kind] = str(error)
            continue
        run = WholeRecordings(file)
        result["runs"][kind] = lambda low, run=run: run(*inputs(upsampler, low))[0]
        result["megabytes"][kind] = file.stat().st_size / 1e6
    details = tf.lite.Interpreter(str(folder / "float32.tflite"))._get_ops_details()
    return result | {"operations": sorted({operation["op_name"] for operation in details})}


def page(rows: list[dict]) -> str:
    flags = [f"--{'run_dir' if row['trained'] else 'config'} {row['name']}" for row in rows]
    made_by = " ".join(["python tools/export_matrix.py --output docs/export.md", *flags])
    heading = (
        f"# Exported files\n\nMade by `{made_by}` on {datetime.date.today()}: {machine()}, "
        f"{os.cpu_count()} cores, one thread, Python {platform.python_version()}. SavedModel "
        "to full_int8: sizes in MB. LSD: that of float32, on the bundled test speech of the length "
        'in "seconds". The other LSD columns: what each format adds to it. Difference: the largest '
        "between samples of Keras, SavedModel and float32. Operations: how many kinds the file "
        "uses. Dynamic_int8 time: computing time relative to float32, measured in turns.\n"
    )
    having = {}
    for row in rows:
        having.setdefault(", ".join(row["operations"]), []).append(f"`{row['name']}`")
    listed = [f"* {', '.join(names)}: `{operations}`" for operations, names in having.items()]
    refused = [f"* `{row['name']}`, {why}" for row in rows for why in row["refused"].values()]
    folded = ["<details><summary>The operations</summary>\n", *listed, "\n</details>\n"]
    parts = [heading, table(HEAD, [cells(row) for row in rows]), *refused, "\n".join(folded)]
    return "\n".join(parts)


def cells(row: dict) -> list[str]:
    lsd = row["lsd"]
    lost = [f"{lsd[kind] - lsd['float32']:+.3f}" if kind in lsd else "" for kind in KINDS[1:]]
    sizes = [row["megabytes"].get(kind) for kind in ("SavedModel", *KINDS)]
    return [
        f"`{row['name']}`" + ("" if row["trained"] else ", untrained"),
        f"{row['parameters']:,}",
        *("" if size is None else f"{size:.2f}" for size in sizes),
        f"{row['seconds']:.0f}",
        f"{lsd['float32']:.3f}",
        *lost,
        f"{row['difference']:.1e}",
        str(len(row["operations"])),
        f"{row['time']:.2f}",
    ]


def advice(output: Path) -> str:
    """What somebody has written below the table."""
    old = output.read_text() if output.exists() else ""
    return ADVICE + old.partition(ADVICE)[2] if ADVICE in old else ""


if __name__ == "__main__":
    main()
