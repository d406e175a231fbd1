"""Measure tfsr on this machine and write the table of docs/benchmarks.md.

    python tools/benchmark.py --output docs/benchmarks.md \
        --gin configs/quickstart.gin --gin configs/audiounet.gin:BATCH=1

Each figure comes from a process of its own, so that threads, memory and start-up do not mix. The
ratios that matter (pipeline to network, two threads to one) are taken in the same minute.
"""

import argparse
import datetime
import functools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tfsr import command

COMMANDS = ("train", "evaluate", "upsample", "export", "prepare", "summarize")
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--gin", action="append", required=True, help="FILE[:SETTING...]; may repeat"
    )
    parser.add_argument("--steps", type=int, default=40, help="training steps timed at most")
    parser.add_argument("--train_seconds", type=float, default=60, help="and for so long at most")
    parser.add_argument("--seconds", type=float, default=10, help="audio that is upsampled")
    parser.add_argument("--output", help="write the page there instead of printing it")
    parser.add_argument("--measure", choices=sorted(MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    command.quiet_tensorflow()
    if arguments.measure:
        print(json.dumps(MEASURES[arguments.measure](arguments)))
        return
    page = report(arguments)
    if arguments.output:
        Path(arguments.output).write_text(page)
    print(page)


def report(arguments: argparse.Namespace) -> str:
    """The page, after all measurements."""
    sections = [heading(), "## Start-up\n", start_up_table()]
    for gin in arguments.gin:
        sections += [f"## `{gin}`\n", configuration_table(gin, arguments)]
    return "\n".join(sections)


def heading() -> str:
    made_by = " ".join(["python", *sys.argv])
    return (
        f"# Benchmarks\n\nMade by `{made_by}` on {datetime.date.today()}: {cpu_name()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}. "
        "Real-time factor: seconds of computing for one second of audio.\n"
    )


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def start_up_table() -> str:
    rows = []
    for verb in COMMANDS:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", f"tfsr.{verb}", "--help"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        rows.append([f"`python -m tfsr.{verb} --help`", f"{time.perf_counter() - start:.2f} s"])
    return table(["command", "time"], rows)


def configuration_table(gin: str, arguments: argparse.Namespace) -> str:
    data = measure("pipeline", gin, arguments)
    training = measure("training", gin, arguments)
    one, two = (measure("upsampling", gin, arguments, threads) for threads in (1, 2))
    rows = [
        ["pipeline alone, decoded recordings in memory", f"{data['patches_per_s']:.0f} patches/s"],
        ["training", f"{training['steps_per_s']:.3g} steps/s of {training['batch']} patches"],
        ["  the same in patches", f"{training['steps_per_s'] * training['batch']:.3g} patches/s"],
        ["  share of a step spent waiting for data", f"{training['waiting']:.1%}"],
        ["  against the same layers in a plain tf.function", against_plain(gin, arguments)],
        ["  peak memory", f"{training['peak_mb']:.0f} MB"],
        ["upsampling, 1 thread", f"real-time factor {one['real_time_factor']:.4f}"],
        ["upsampling, 2 threads", f"real-time factor {two['real_time_factor']:.4f}"],
        ["  peak memory", f"{two['peak_mb']:.0f} MB"],
    ]
    return table(["what", "measured"], rows)


def against_plain(gin: str, arguments: argparse.Namespace) -> str:
    overhead = measure("overhead", gin, arguments)
    return f"{overhead['ratio']:.3f} times as long, traced {overhead['traces']} time(s)"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def measure(name: str, gin: str, arguments: argparse.Namespace, threads: int = 0) -> dict:
    """Run one measurement in a process of its own."""
    kept = {key: getattr(arguments, key) for key in ("steps", "train_seconds", "seconds")}
    flags = kept | {"gin": gin, "measure": name, "threads": threads}
    program = [sys.executable, __file__, *(f"--{key}={value}" for key, value in flags.items())]
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def pipeline(arguments: argparse.Namespace) -> dict:
    data = experiment(arguments).data
    from tfsr.data.pipeline import patches_per_second

    return {"patches_per_s": patches_per_second(data, arguments.steps)}


def training(arguments: argparse.Namespace) -> dict:
    import tensorflow as tf

    built = experiment(arguments)
    upsampler, data = built.upsampler, built.data
    upsampler.initialize()
    upsampler.compile()
    step = tf.function(upsampler.train_step)
    steps, per_step = WARM_UP + arguments.steps, upsampler.batches_per_step
    batches = iter(data.batches(0, steps, per_step=per_step))
    for _ in range(WARM_UP):
        step(next(batches))
    start, waiting, done = time.perf_counter(), 0.0, 0
    while done < arguments.steps and time.perf_counter() - start < arguments.train_seconds:
        asked = time.perf_counter()
        batch = next(batches)
        waiting += time.perf_counter() - asked
        step(batch)["loss"].numpy()
        done += 1
    seconds = time.perf_counter() - start
    return {
        "steps_per_s": done / seconds,
        "batch": data.batch,
        "waiting": waiting / seconds,
        **peak(),
    }


def overhead(arguments: argparse.Namespace) -> dict:
    """A step by `fit`'s function and by a bare one, in turns, on batches in memory."""
    import tensorflow as tf

    built = experiment(arguments)
    upsampler = built.upsampler
    upsampler.initialize()
    upsampler.compile()
    optimizers = [optimizer_like(update) for update in upsampler.updates]
    batch = next(iter(built.data.batches(0, 1)))

    @tf.function(autograph=False)
    def plain() -> tf.Tensor:
        for update, optimizer in zip(upsampler.updates, optimizers, strict=True):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(update.variables)
                loss = tf.reduce_mean(update.losses_for(batch, True)[update.loss])
            gradients = tape.gradient(loss, update.variables)
            optimizer.apply_gradients(zip(gradients, update.variables, strict=True))
        return loss

    parts = [batch] * upsampler.batches_per_step
    whole = {key: tf.concat([part[key] for part in parts], axis=0) for key in batch}
    batches = iter(tf.data.Dataset.from_tensors(whole).repeat())
    ours = upsampler.make_train_function()
    seconds = {plain: [], ours: []}
    start = time.perf_counter()
    while time.perf_counter() - start < arguments.train_seconds or len(seconds[ours]) < 5:
        seconds[plain].append(timed(lambda: plain().numpy()))
        seconds[ours].append(timed(lambda: ours(batches)["loss"].numpy()))
    bare, fit = (statistics.median(values[1:]) for values in seconds.values())
    return {"ratio": fit / bare, "traces": ours.experimental_get_tracing_count()}


def optimizer_like(update):
    optimizer = type(update.optimizer).from_config(update.optimizer.get_config())
    optimizer.build(update.variables)
    return optimizer


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(*actions: Callable[[], object]) -> list[float]:
    """The median seconds of each of three times, after a first one, which may trace."""
    seconds = [[timed(action) for action in actions] for _ in range(4)]
    return [statistics.median(values[1:]) for values in zip(*seconds, strict=True)]


def signal(arguments: argparse.Namespace, upsampler):
    """White noise at the input rate, as long as is asked for."""
    import numpy as np

    samples = int(arguments.seconds * upsampler.input_rate)
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def upsampling(arguments: argparse.Namespace) -> dict:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from tfsr.inference.chunks import upsample_array

    upsampler = experiment(arguments).upsampler
    low = signal(arguments, upsampler)
    upsample_array(upsampler, low[: upsampler.input_rate], upsampler.chunk)
    seconds = timed(lambda: upsample_array(upsampler, low, upsampler.chunk))
    return {"real_time_factor": seconds / arguments.seconds, **peak()}


def sampling(arguments: argparse.Namespace) -> dict:
    """A chain of stages, against the same with the condition made anew for each, in turns."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    from tfsr.inference import chunks

    upsampler = experiment(arguments).upsampler
    low = signal(arguments, upsampler)
    results, kept = {}, chunks.STAGES_TOGETHER

    def upsample(chunk: int, together: int) -> None:
        chunks.STAGES_TOGETHER = together
        chunks.upsample_array(upsampler, low, chunk)
        results.setdefault("peak_mb", peak()["peak_mb"])

    for name, chunk in {"in chunks": upsampler.chunk, "at once": len(low)}.items():
        ours, plain = in_turns(*(functools.partial(upsample, chunk, n) for n in (kept, 1)))
        results[name] = {"ratio": ours / plain, "real_time_factor": ours / arguments.seconds}
    return results


def tables(arguments: argparse.Namespace) -> dict:
    """A flow with the projections of its condition from tables, and computed, in turns."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    from tfsr.inference.chunks import upsample_array

    results = {}

    @functools.cache  # made when it first runs, so that the peak is of the one with tables alone
    def built(look_up: bool):
        upsampler = experiment(arguments, f"flow.Flow.look_up = {look_up}").upsampler
        upsampler.initialize()
        return upsampler

    def upsample(look_up: bool) -> None:
        upsampler = built(look_up)
        upsample_array(upsampler, signal(arguments, upsampler), upsampler.chunk)
        results.setdefault("peak_mb", peak()["peak_mb"])

    tables, computed = in_turns(*(functools.partial(upsample, given) for given in (True, False)))
    factors = {"tables": tables / arguments.seconds, "computed": computed / arguments.seconds}
    return results | {"real_time_factor": factors, "ratio": computed / tables}


def folding(arguments: argparse.Namespace) -> dict:
    """A graph as it is, and with its weights as constants, so that TensorFlow folds what it can.

    That is the kernels of weight normalisation, and the scales of batch normalisation.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    low = tf.constant(signal(arguments, upsampler)[None])
    specs = [tf.TensorSpec([None, None])]
    as_is = tf.function(upsampler.serve, specs, autograph=False).get_concrete_function()
    folded = convert_variables_to_constants_v2(as_is)
    seconds = in_turns(lambda: as_is(low), lambda: folded(low))
    factors = [value / arguments.seconds for value in seconds]
    names = ("as it is", "folded")
    return {
        "real_time_factor": dict(zip(names, factors, strict=True)),
        "ratio": factors[1] / factors[0],
    }


def phone(arguments: argparse.Namespace) -> dict:
    """A chain of steps as TensorFlow Lite: a loop in the graph, unrolled, or one step at a time."""
    import numpy as np
    import tensorflow as tf

    from tfsr.export.tflite import convert
    from tfsr.upsamplers.base import Signature

    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    samples = int(arguments.seconds * upsampler.input_rate)
    random = np.random.default_rng(0)
    low = random.uniform(-0.6, 0.6, [1, samples]).astype(np.float32)
    shape = [upsampler.noise_steps, 1, upsampler.ratio * samples]
    noise = random.standard_normal(shape).astype(np.float32)
    stages, any_length = upsampler.stages, tf.TensorSpec([None, None])
    whole = {"audio": any_length, "noise": tf.TensorSpec([len(stages), None, None])}
    numbers = {f"s{n}": tf.TensorSpec([]) for n in range(len(stages[0].settings))}
    one = {"signal": any_length, "audio": any_length, "noise": any_length} | numbers

    def step(signal, audio, noise, **settings):
        return stages[0].function(signal, upsampler.condition(audio), [noise], *settings.values())

    graphs = {
        "loop": Signature(lambda audio, noise: upsampler.upsample(audio, noise), whole),
        "unrolled": Signature(lambda audio, noise: upsampler.chain(audio, noise), whole),
        "one step": Signature(step, one),
    }
    results = {}
    for name, signature in graphs.items():
        model = convert({"serving_default": signature})
        interpreter = tf.lite.Interpreter(model_content=model, num_threads=arguments.threads or 1)
        run = interpreter.get_signature_runner("serving_default")

        def chain(run=run) -> np.ndarray:
            signal = np.zeros(shape[1:], np.float32)
            for stage, drawn in zip(stages, noise, strict=True):
                given = dict(zip(numbers, np.float32(stage.settings), strict=True))
                signal = run(signal=signal, audio=low, noise=drawn, **given)["audio"]
            return signal

        def at_once(run=run) -> np.ndarray:
            return run(audio=low, noise=noise)["audio"]

        upsample = chain if name == "one step" else at_once
        error = float(np.abs(upsample() - upsampler.upsample(low, noise)).max())
        seconds = min(timed(upsample) for _ in range(3))
        rtf = seconds / arguments.seconds
        results[name] = {"real_time_factor": rtf, "mb": len(model) / 1e6, "error": error}
    return results


def experiment(arguments: argparse.Namespace, *more: str):
    from tfsr import gin_config

    file, *settings = arguments.gin[0].split(":")
    return gin_config.experiment([file], [*settings, *more])


def peak() -> dict:
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


MEASURES = {
    "pipeline": pipeline,
    "training": training,
    "overhead": overhead,
    "upsampling": upsampling,
    "sampling": sampling,
    "tables": tables,
    "folding": folding,
    "phone": phone,
}

if __name__ == "__main__":
    main()
