"""The measurements of graphs as they are exported."""

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from timing import experiment, in_turns, signal, timed, use_threads

WARM_UP = 100
"""The first steps of a stream, which are not timed."""


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
        # The first begins by itself; the others take any signal, zeros too.
        return stages[-1].function(signal, upsampler.condition(audio), [noise], *settings.values())

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


def exported(arguments: argparse.Namespace) -> dict:
    """Keras, SavedModel and TensorFlow Lite in turns, the latter at once and in pieces of 1 s.

    Of upsamplers that draw no noise. Pieces do not see each other, chunks do.
    """
    import numpy as np

    from tfsr.inference.chunks import upsample_array

    use_threads(arguments.threads or 1)
    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    low = signal(arguments, upsampler)
    files, sizes = in_files(upsampler, arguments.threads or 1)
    keras = functools.partial(upsample_array, upsampler, low, upsampler.chunk)
    pieces = np.split(low, range(upsampler.input_rate, len(low), upsampler.input_rate))
    actions = {"Keras, in chunks": keras}
    for name, run in files.items():
        actions[f"{name}, at once"] = functools.partial(run, low)
        actions[f"{name}, in pieces"] = lambda run=run: [run(piece) for piece in pieces]
    factors = [seconds / arguments.seconds for seconds in in_turns(*actions.values())]
    errors = {name: float(np.abs(run(low) - keras()).max()) for name, run in files.items()}
    return {
        "real_time_factor": dict(zip(actions, factors, strict=True)),
        "mb": sizes,
        "error": errors,
    }


def runtimes(arguments: argparse.Namespace) -> dict:
    """A recording in chunks that see their neighbours, as `tfsr.upsample` takes it, in turns.

    Keras and a SavedModel with `arguments.threads`, LiteRT with one thread and with two; LiteRT
    besides with the whole recording at once, and with pieces of a chunk's length as one batch.
    """
    import numpy as np

    from tfsr.export.saved_model import export_saved_model
    from tfsr.export.tflite import export_tflite
    from tfsr.inference.chunks import upsample_array
    from tfsr.lite.backend import LiteBackend
    from tfsr.loading import load

    use_threads(arguments.threads or 1)
    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    low = signal(arguments, upsampler)
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name, "saved_model"), Path(name, "model.tflite")
        export_saved_model(upsampler, folder, warm_up_requests=False)
        export_tflite(upsampler, file)
        systems = {
            "Keras": upsampler,
            "SavedModel": load(folder).backend,
            "LiteRT": LiteBackend(file),
            "LiteRT, 2 threads": LiteBackend(file, threads=2),
        }
        chunked = functools.partial(upsample_array, low=low, chunk=upsampler.chunk)
        actions = {name: functools.partial(chunked, one) for name, one in systems.items()}
        lite = systems["LiteRT"].stages[0].function
        batch = np.reshape(
            low[: len(low) // upsampler.chunk * upsampler.chunk], [-1, upsampler.chunk]
        )
        actions |= {
            "LiteRT, at once": lambda: lite(low[np.newaxis]),
            "LiteRT, as a batch": lambda: lite(batch),
        }
        seconds = in_turns(*actions.values())
    factors = [one / arguments.seconds for one in seconds]
    return {"real_time_factor": dict(zip(actions, factors, strict=True))}


def in_files(upsampler, threads: int) -> tuple[dict[str, Callable], dict[str, float]]:
    """By format: functions of float32 [time] that are read from exported files; these in MB."""
    from tfsr.export.saved_model import export_saved_model
    from tfsr.export.tflite import export_tflite
    from tfsr.lite.interpreter import WholeRecordings

    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name, "saved_model"), Path(name, "model.tflite")
        export_saved_model(upsampler, folder, warm_up_requests=False)
        export_tflite(upsampler, file)
        serve, interpreter = loaded(folder), WholeRecordings(file, threads)
        sizes = {
            "SavedModel": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6,
            "TensorFlow Lite": file.stat().st_size / 1e6,
        }
    functions = {
        "SavedModel": lambda low: serve(audio=low[None])["audio"].numpy()[0],
        "TensorFlow Lite": lambda low: interpreter(low[None])[0],
    }
    return functions, sizes


def loaded(folder: Path) -> Callable:
    """A SavedModel's "serving_default", of arrays too."""
    import tensorflow as tf

    from tfsr.export.saved_model import SIGNATURE

    model = tf.saved_model.load(str(folder))

    def serve(**inputs) -> dict:  # which keeps the model, and so its weights
        tensors = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        return model.signatures[SIGNATURE](**tensors)

    return serve


def streaming(arguments: argparse.Namespace) -> dict:
    """The steps of a stream, one hop each, in three runtimes; beside them what a sample waits."""
    import numpy as np

    from tfsr.upsamplers.complexity import complexity

    use_threads(arguments.threads or 1)
    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    low = signal(arguments, upsampler)
    low = low[: len(low) // upsampler.hop * upsampler.hop]
    whole = upsampler.upsample(low[np.newaxis])[0, : -upsampler.delay]
    hop_ms = 1000 * upsampler.hop / upsampler.input_rate
    results = {}
    for name, step in steps(upsampler, arguments.threads or 1).items():
        made, seconds = streamed(step, upsampler, low)
        milliseconds = 1000 * np.asarray(seconds[WARM_UP:])
        results[name] = {
            "p50_ms": np.percentile(milliseconds, 50),
            "p99_ms": np.percentile(milliseconds, 99),
            "max_ms": np.max(milliseconds),
            "real_time_factor": np.mean(milliseconds) / hop_ms,
            "error": float(np.abs(made[upsampler.delay :] - whole).max()),
        }
    return results | {
        "frames": len(milliseconds),
        "hop_ms": hop_ms,
        "latency_ms": upsampler.latency_ms,
        "multiply_adds": complexity(upsampler).multiply_adds,
    }


def steps(upsampler, threads: int) -> dict[str, Callable]:
    """`step` by runtime, each of {"audio"} and the state by name."""
    import tensorflow as tf

    from tfsr.export.saved_model import SIGNATURE, save
    from tfsr.export.tflite import convert

    signature = upsampler.streams.step_signature(batch=1, hops=1)
    graph = tf.function(signature.function, autograph=False)
    model = convert({SIGNATURE: signature})
    interpreter = tf.lite.Interpreter(model_content=model, num_threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        save({SIGNATURE: signature}, folder)
        return {
            "tf.function": lambda audio, **state: graph(audio=tf.constant(audio), **state),
            "SavedModel": loaded(folder),
            "TensorFlow Lite": interpreter.get_signature_runner(SIGNATURE),
        }


def streamed(step: Callable, upsampler, low) -> tuple:
    """What the steps make of float32 [time], as much of it at the output rate, and their seconds.

    From an array that comes in to one that goes out; the state stays as the runtime has it.
    """
    import numpy as np

    state = {name: value.numpy() for name, value in upsampler.streams.initial_state().items()}
    made, seconds = [], []
    for frame in np.split(low[np.newaxis], len(low) // upsampler.hop, axis=1):
        start = time.perf_counter()
        state = dict(step(audio=frame, **state))
        made.append(np.asarray(state.pop("audio")))
        seconds.append(time.perf_counter() - start)
    return np.concatenate(made, axis=1)[0], seconds
