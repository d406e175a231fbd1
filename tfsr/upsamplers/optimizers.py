"""Optimizer parts that several systems share."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import BELOW_1, NOT_NEGATIVE, POSITIVE, check

_RANGES = {
    **dict.fromkeys(("learning_rate", "weight_decay", "epsilon"), NOT_NEGATIVE),
    **dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue"), POSITIVE),
    **dict.fromkeys(("beta_1", "beta_2", "rho"), BELOW_1),
}
_OF_SCHEDULES = dict.fromkeys(
    ("initial_learning_rate", "decay_steps", "decay_rate", "warmup_steps", "peak", "factor"),
    NOT_NEGATIVE,
) | {"every": POSITIVE, "warm_up": NOT_NEGATIVE}


def check_optimizer(optimizer: keras.optimizers.Optimizer) -> None:
    """Refuse bad settings that Keras accepts silently.

    Raises:
        UserError: a number is out of its range.
    """
    config = dict(optimizer.get_config())
    rate = config.get("learning_rate")
    if isinstance(rate, dict):  # a schedule
        check(rate["class_name"].rpartition(">")[2], rate["config"], _OF_SCHEDULES)
        del config["learning_rate"]
    elif rate is not None:  # float32: as few digits as tell it
        config["learning_rate"] = float(str(np.float32(rate)))
    check(type(optimizer).__name__, config, _RANGES)


def averaging_adam(
    learning_rate: float, beta_1: float, beta_2: float, average: float | None, **others: Any
) -> keras.optimizers.Optimizer:
    """Adam; if `average` is given, it is the momentum of moving averages of the weights."""
    averaging = {} if average is None else {"use_ema": True, "ema_momentum": average}
    return keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2, **others, **averaging)


class WarmUpDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate rises linearly from 0, then drops by a factor at regular intervals.

    The intervals are counted from the beginning of training, as in VoiceFixer's code.

    Args:
        peak: the learning rate after the warm-up.
        warm_up: number of steps of the rise.
        factor: multiplies the learning rate at each drop.
        every: number of steps between two drops.
    """

    def __init__(self, peak: float, warm_up: int = 1000, factor: float = 0.9, every: int = 20_000):
        super().__init__()
        self._settings = {"peak": peak, "warm_up": warm_up, "factor": factor, "every": every}

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        peak, warm_up, factor, every = self._settings.values()
        step = tf.cast(step, tf.float32)
        falls = tf.floor(step / every)
        return peak * tf.where(step < warm_up, step / max(warm_up, 1), factor**falls)

    def get_config(self) -> dict[str, float]:
        return self._settings
