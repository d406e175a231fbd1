"""The content of a configuration: an upsampler, its data, and its numbers of steps."""

import dataclasses
import operator
from collections.abc import Mapping

import tf_keras as keras

from tfsr.data.pipeline import Patches
from tfsr.errors import UserError
from tfsr.upsamplers.base import Upsampler


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything that training, evaluation, upsampling and export need.

    Args:
        upsampler: the model to train.
        data: source of its batches and its test recordings.
        steps: training steps in total; with 0 the run consists of what is `pretrained`.
        log_every: number of steps whose mean losses make one line of the log.
        checkpoint_every: steps between checkpoints; a multiple of `log_every`, so that a resumed
            run writes the same log.
        validate_every: steps between validations, at which pictures and sounds are logged too.
        keep: number of checkpoints to keep.
        pretrained: attribute of the upsampler that is a network -> a run directory or a model
            folder. Its weights start as those of that model's `network`. ("vocoder.network" is the
            network of a part.) Later they are in this run's own checkpoints. A configuration may
            also name a preset.
    """

    upsampler: Upsampler
    data: Patches
    steps: int = 100_000
    log_every: int = 50
    checkpoint_every: int = 500
    validate_every: int = 2000
    keep: int = 3
    pretrained: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.steps < 0:
            raise UserError(f"Experiment.steps is {self.steps}: it must not be negative")
        for name in ("log_every", "checkpoint_every", "validate_every", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"Experiment.{name} is {getattr(self, name)}: it must be positive")
        if self.checkpoint_every % self.log_every or self.validate_every % self.log_every:
            raise UserError(
                f"Experiment.checkpoint_every ({self.checkpoint_every}) and validate_every "
                f"({self.validate_every}) must be multiples of log_every ({self.log_every})"
            )
        for part in self.pretrained:
            if not _is_network(self.upsampler, part):
                raise UserError(
                    f"Experiment.pretrained names {part!r}, which is no network of "
                    f'{type(self.upsampler).__name__}; name one that it has, such as "network"'
                )
        if self.upsampler.patch not in (None, self.data.patch):
            raise UserError(
                f"a discriminator is made for `samples` of {self.upsampler.patch}, and "
                f"Patches.patch is {self.data.patch}: set both alike"
            )
        rates = (self.data.input_rate, self.data.output_rate)
        if rates != (self.upsampler.input_rate, self.upsampler.output_rate):
            raise UserError(
                f"the data is {rates[0]} to {rates[1]} Hz, the upsampler "
                f"{self.upsampler.input_rate} to {self.upsampler.output_rate} Hz: set both alike"
            )


def _is_network(upsampler: Upsampler, part: str) -> bool:
    try:
        return isinstance(operator.attrgetter(part)(upsampler), keras.Model)
    except AttributeError:
        return False
