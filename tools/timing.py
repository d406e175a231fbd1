"""What every measurement of tools/benchmark.py needs: the experiment, a signal, clocks."""

import argparse
import resource
import statistics
import time
from collections.abc import Callable


def use_threads(number: int) -> None:
    """TensorFlow's, within an operation and for operations beside each other."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(number)
    tf.config.threading.set_inter_op_parallelism_threads(number)


def experiment(arguments: argparse.Namespace, *more: str):
    from tfsr import gin_config

    file, *settings = arguments.gin[0].split(":")
    return gin_config.experiment([file], [*settings, *more])


def signal(arguments: argparse.Namespace, upsampler):
    """White noise at the input rate, as long as is asked for."""
    import numpy as np

    samples = int(arguments.seconds * upsampler.input_rate)
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(*actions: Callable[[], object]) -> list[float]:
    """The median seconds of each of three times, after a first one, which may trace."""
    seconds = [[timed(action) for action in actions] for _ in range(4)]
    return [statistics.median(values[1:]) for values in zip(*seconds, strict=True)]


def peak() -> dict:
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
