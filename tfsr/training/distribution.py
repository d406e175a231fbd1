"""Which devices and machines train, and how a dataset is dealt to them."""

import os
from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port

from tfsr.errors import UserError

DatasetOf = Callable[[int, int], tf.data.Dataset]
"""(this worker's index, number of workers) -> its slices of the global batches"""


def strategy() -> tf.distribute.Strategy:
    """All GPUs of this machine, or its CPU; several machines when TF_CONFIG is set."""
    if os.environ.get("TF_CONFIG"):
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MirroredStrategy(
        cross_device_ops=None if _gpus() else tf.distribute.ReductionToOneDevice()
    )


def make_cpu_deterministic() -> None:
    """Sum in the same order on every run, so that a resumed run repeats itself bit for bit.

    It costs a few percent on a CPU. GPUs have faster and slower ways to do the same operation and
    are left free to choose.
    """
    if not _gpus():
        tf.config.experimental.enable_op_determinism()
        keep_sums_of_two()


def keep_sums_of_two() -> None:
    """Keep TensorFlow from making one sum of several.

    What sums three or more begins with one that nothing else needs any more, and which that is
    depends on how fast the other threads are.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def one_dnn_is_on() -> bool:
    """Whether TensorFlow computes with oneDNN on the CPU, whose sums have another order.

    Without the variable TF_ENABLE_ONEDNN_OPTS this depends on the processor. The answer is that of
    the function which TensorFlow's own rewriting of graphs asks.
    """
    return _pywrap_util_port.IsMklEnabled()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run directory (there is one such)."""
    resolver = strategy.cluster_resolver
    return (
        resolver is None
        or not resolver.task_type
        or (resolver.task_type == "chief" or resolver.task_id == 0)
    )


def distribute(strategy: tf.distribute.Strategy, batch: int, per_step: int, dataset_of: DatasetOf):
    """`dataset_of`'s steps of `per_step` global batches, dealt to every worker and replica."""
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
