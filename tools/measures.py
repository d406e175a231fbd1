"""The measurements of tools/benchmark.py, by name; each takes its arguments and gives a dict.

What is timed against each other runs in turns in one process.
"""

import argparse
import functools
import math
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from exported_measures import exported, folding, phone, runtimes, streaming
from timing import experiment, in_turns, peak, signal, timed, use_threads

WARM_UP = 2
TRACED = 3
LISTED = 12
"""A profile is the mean of so many calls, and lists so many types of operations."""

OPERATION = re.compile(r"[^:]+:_?(Mkl(Native)?)?(?P<type>\w+)")
"""An operation in a trace: its name and its type, which oneDNN's have with something before it."""


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
                loss = tf.reduce_mean(update.losses_for(batch, True)[update.loss_names[0]])
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


def dense(arguments: argparse.Namespace) -> dict:
    """AP-BWE's dense layers, alone and within the network, against bare products, in turns.

    Rates are multiply-adds per second.
    """
    import tensorflow as tf

    from tfsr.upsamplers.complexity import complexity

    use_threads(arguments.threads or 1)
    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    low = tf.constant(signal(arguments, upsampler)[None])
    given = upsampler.transform(upsampler.interpolation(low, upsampler.ratio))
    network = tf.function(upsampler.network, autograph=False)
    whole = functools.partial(network, given.log_amplitude, given.phase)
    layers, frames = dense_layers(upsampler.network), given.phase.shape[1]
    actions = alone(layers, frames) | {"network": whole}
    seconds = dict(zip(actions, in_turns(*actions.values()), strict=True))
    operations = operation_seconds(whole)
    within = sum(value for name, value in operations.items() if "MatMul" in name)
    seconds["layers within the network"] = within
    products = frames * sum(math.prod(layer.kernel.shape) for layer in layers)
    # Those of convolutions too; one second has a frame more than its share of a longer signal.
    all_products = complexity(upsampler).multiply_adds * arguments.seconds
    counts = dict.fromkeys(seconds, products) | {"network": all_products}
    rates = {name: count / seconds[name] for name, count in counts.items()}
    of_bare = {name: rate / rates["bare products"] for name, rate in rates.items()}
    return {"rate": rates, "of_bare": of_bare, "share": shares(operations)}


def dense_layers(network) -> dict[Callable, Callable]:
    """AP-BWE's: layer -> a function of its input that gives what goes on to the next layer."""
    import tensorflow as tf

    functions = {head: head for head in (network.added, network.real, network.imag)}
    for block in (*network.amplitude.blocks, *network.phase.blocks):
        functions[block.expand] = lambda x, b=block: tf.nn.gelu(b.expand(x), approximate=False)
        functions[block.project] = lambda x, b=block: tf.convert_to_tensor(b.gamma) * b.project(x)
    return functions


def alone(layers: dict[Callable, Callable], frames: int) -> dict[str, Callable[[], None]]:
    """The products, the layers, and these with what follows them, on noise."""
    import tensorflow as tf

    widths = [layer.kernel.shape[0] for layer in layers]
    noise = {width: tf.random.normal([frames, width]) for width in widths}
    inputs = [noise[width] for width in widths]
    batches = [x[tf.newaxis] for x in inputs]
    bare = [lambda x, layer=layer: tf.matmul(x, layer.kernel) for layer in layers]
    return {
        "bare products": one_by_one(bare, inputs),
        "layers": one_by_one(layers, batches),
        "layers and what follows them": one_by_one(layers.values(), batches),
    }


def one_by_one(functions: Iterable[Callable], inputs: Sequence) -> Callable[[], None]:
    """What calls each function, as a graph of its own, with its input."""
    import tensorflow as tf

    graphs = [
        tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec(x.shape))
        for function, x in zip(functions, inputs, strict=True)
    ]

    def call() -> None:
        for graph, x in zip(graphs, inputs, strict=True):
            graph(x)

    return call


def profile(arguments: argparse.Namespace) -> dict:
    """How the time of `serve` is shared by types of operations."""
    import tensorflow as tf

    use_threads(arguments.threads or 1)
    upsampler = experiment(arguments).upsampler
    upsampler.initialize()
    low = tf.constant(signal(arguments, upsampler)[None])
    noise = tf.random.normal([upsampler.noise_steps, 1, upsampler.ratio * low.shape[1]])
    specs = [tf.TensorSpec([None, None]), tf.TensorSpec([upsampler.noise_steps, None, None])]
    serve = tf.function(upsampler.serve, specs, autograph=False)
    (seconds,) = in_turns(lambda: serve(low, noise))
    operations = operation_seconds(lambda: serve(low, noise))
    return {
        "real_time_factor": seconds / arguments.seconds,
        "of_operations": sum(operations.values()) / arguments.seconds,
        "share": shares(operations),
    }


def operation_seconds(action: Callable[[], object]) -> Counter:
    """Seconds that a call spends in operations, by their types, as TensorFlow's profiler saw it.

    Those that oneDNN does count under the names that they have without it.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(TRACED):
                action()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    seconds = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            if match := OPERATION.fullmatch(name):
                seconds[match["type"]] += event.duration_ps / 1e12 / TRACED
    return seconds


def shares(operations: Counter) -> dict[str, float]:
    """Those of the types that take most of the time."""
    whole = sum(operations.values())
    return {name: seconds / whole for name, seconds in operations.most_common(LISTED)}


MEASURES = {
    "pipeline": pipeline,
    "training": training,
    "overhead": overhead,
    "upsampling": upsampling,
    "sampling": sampling,
    "tables": tables,
    "folding": folding,
    "phone": phone,
    "exported": exported,
    "runtimes": runtimes,
    "streaming": streaming,
    "dense": dense,
    "profile": profile,
}
