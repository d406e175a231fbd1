"""Distribute training, and its data set, over devices and machines."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port

from tfsr.errors import UserError

# What a worker gets from TensorFlow when another is killed, falls silent or ends by itself.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
)

DatasetOf = Callable[[int, int], tf.data.Dataset]
"""(this worker's index, number of workers) -> its slices of the global batches."""


def strategy() -> tf.distribute.Strategy:
    """All GPUs of this machine, or its CPU; several machines when TF_CONFIG is set."""
    if os.environ.get("TF_CONFIG"):
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MirroredStrategy(
        cross_device_ops=None if _gpus() else tf.distribute.ReductionToOneDevice()
    )


def make_cpu_deterministic() -> None:
    """Sum in the same order on every run, so that a resumed run repeats itself bit for bit.

    It costs a few percent on a CPU. On GPUs TensorFlow may choose among faster and slower ways of
    the same operation.
    """
    if not _gpus():
        tf.config.experimental.enable_op_determinism()
        keep_sums_of_two()


def keep_sums_of_two() -> None:
    """Keep TensorFlow from merging several sums into one.

    A sum of three or more begins with a term that nothing else needs any more. Which term that is
    depends on the speed of other threads.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def one_dnn_is_on() -> bool:
    """Whether TensorFlow computes with oneDNN on the CPU, which sums in another order.

    Without the variable TF_ENABLE_ONEDNN_OPTS this depends on the processor. The answer comes from
    the function that TensorFlow itself asks when it rewrites graphs.
    """
    return _pywrap_util_port.IsMklEnabled()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run directory (only one does)."""
    resolver = strategy.cluster_resolver
    return (
        resolver is None
        or not resolver.task_type
        or (resolver.task_type == "chief" or resolver.task_id == 0)
    )


@contextlib.contextmanager
def ending_together(strategy: tf.distribute.Strategy, run_dir: Path) -> Iterator[None]:
    """Within it, the loss of another worker is a `UserError`.

    No worker can go on without the others, and none can join a training that has begun.
    """
    try:
        yield
    except _LOST as error:
        if strategy.cluster_resolver is None:
            raise
        # TensorFlow's message may be pages long; its first sentence tells what was seen.
        reason = (error.message.partition("aborted by: ")[2] or error.message).splitlines()[0]
        raise UserError(
            f"{run_dir}: another worker of TF_CONFIG is gone ({reason.split('. ')[0]}); start "
            "all workers again, and training goes on from the newest checkpoint"
        ) from error


def distribute(strategy: tf.distribute.Strategy, batch: int, per_step: int, dataset_of: DatasetOf):
    """`dataset_of`'s steps of `per_step` global batches, shared by all workers and replicas."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return dataset_of(0, 1)
    if batch % replicas:
        raise UserError(
            f"a batch of {batch} cannot be shared by {replicas} replicas: "
            f"set Patches.batch to a multiple of {replicas}"
        )
    return strategy.distribute_datasets_from_function(
        lambda context: dataset_of(context.input_pipeline_id, context.num_input_pipelines).rebatch(
            per_step * batch // replicas
        )
    )


def _gpus() -> list:
    return tf.config.list_physical_devices("GPU")
