"""Estimate the cost of training on this machine before it starts."""

import time

import tensorflow as tf

from tfsr.training.experiment import Experiment

# The backward pass of a convolutional network costs about twice its forward pass.
_TRAINING_OVER_FORWARD = 3


def announcement(experiment: Experiment) -> str:
    """Steps and parameters. Without a GPU also the expected time, and a remedy if it is long."""
    upsampler, steps = experiment.upsampler, experiment.steps
    if not upsampler.updates:
        return "nothing to train"
    patches = experiment.data.batch * upsampler.batches_per_step
    text = f"{steps} steps of {patches} patches, {upsampler.count_params():,} weights"
    if tf.config.list_physical_devices("GPU"):
        return text
    seconds = step_seconds(experiment)
    text += f"; no GPU: a step costs about {seconds:.3g} s here, all {_words(seconds * steps)}"
    if seconds * steps > 3600:
        text += "; configs/quickstart.gin is a recipe for a CPU"
    return text


def step_seconds(experiment: Experiment) -> float:
    """Estimated from one forward pass of one patch: a step of a large network takes minutes."""
    data, upsampler = experiment.data, experiment.upsampler
    generator = tf.random.Generator.from_seed(0)
    batch = {
        "low": generator.normal([1, data.patch // upsampler.ratio], stddev=0.1),
        "high": generator.normal([1, data.patch], stddev=0.1),
        "seed": tf.zeros([1, 2], tf.int32),
    }
    forward = tf.function(lambda: upsampler.all_losses(batch, training=False), autograph=False)
    forward()
    start = time.perf_counter()
    forward()
    patches = data.batch * upsampler.batches_per_step
    return (time.perf_counter() - start) * patches * _TRAINING_OVER_FORWARD


def _words(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
