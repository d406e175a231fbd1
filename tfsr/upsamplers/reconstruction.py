"""Upsamplers that make waveforms and train with reconstruction losses and, if any, critics."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import NOT_NEGATIVE
from tfsr.errors import UserError
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.base import Nest, Upsampler
from tfsr.upsamplers.trainable import with_total
from tfsr.upsamplers.update import Batch, Losses, Update

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(high, estimate), both [batch, time] -> [batch]"""


# Samples that discriminators are built with, where they are made for any number: convolutions
# without padding need some.
_SHOWN_FIRST = 8192


class Reconstruction(Upsampler):
    """A network whose estimates are compared with the original.

    A subclass sets `network` and implements `widened`. If an estimate is more than a waveform, or
    losses are computed together, it implements `estimate`, `waveform`, `distances` and `upsample`.

    Args:
        input_rate, output_rate: Hz.
        losses: name -> distance between a waveform and the original. A subclass that implements
            `distances` gives the names only.
        weights: of the losses in the minimised sum; 1 where not given, none negative.
        adversarial: discriminators, and the losses from them; None: it has none.
        optimizer: of the network; Adam with 1e-4 unless given.

    Raises:
        UserError: a weight is for a loss that does not exist, or two losses have one name.

    Attributes:
        network: everything that is trained, except the discriminators.
        loss_weights: `weights`.
    """

    training_only = Upsampler.training_only | {"adversarial": None, "weights": None}
    ranges = {"weights": NOT_NEGATIVE}
    network: keras.Model

    def __init__(
        self,
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss] | Sequence[str],
        weights: Mapping[str, float] | None = None,
        adversarial: Adversarial | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, optimizer)
        self._adversarial = adversarial
        self._losses_by_name = losses if isinstance(losses, Mapping) else {}
        self.loss_weights = dict(weights or {})
        self.loss_names = self._names_of_network = ("loss", *losses)
        if adversarial:
            self.loss_names += adversarial.loss_names
            self.patch = adversarial.samples
            # So that Keras finds the weights, and checkpoints the state of the optimizer.
            self.discriminators = dict(adversarial.discriminators)
            self._discriminator_optimizer = adversarial.optimizer
        self._check_names()

    def _check_names(self) -> None:
        name = type(self).__name__
        for loss in self.loss_weights.keys() - set(self._names_of_network):
            raise UserError(
                f'{name}.weights names "{loss}", which is none of its losses '
                f"({', '.join(self._names_of_network[1:]) or 'there are none'}); the weight of the "
                "adversarial loss is Adversarial.weight"
            )
        for loss in self.loss_names:
            if self.loss_names.count(loss) > 1:
                raise UserError(f'{name}: two losses are named "{loss}"; give one another name')

    def compile(self, *given: Any, **named: Any) -> None:
        """See `Trainable.compile`.

        Raises:
            UserError: there are no losses, as in presets, which are not for training.
        """
        if self.loss_names == ("loss",):
            raise UserError(
                f"{self.name}: has no losses to learn by; build a {type(self).__name__} with some "
                "and give its network these weights (set_weights)"
            )
        super().compile(*given, **named)

    def initialize_network(self) -> None:
        """Create the weights of the network, and of other parts that its losses need."""
        super().initialize()

    def widened(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        """The upsampled signal: float32 [batch, time] -> [batch, ratio * time]."""
        raise NotImplementedError

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.widened(low, training=False)

    def estimate(self, batch: Batch, training: bool) -> Nest:
        """The network's estimate for a batch."""
        return self.widened(batch["low"], training)

    def waveform(self, estimate: Nest) -> tf.Tensor:
        """The waveform of an estimate, float32 [batch, time] as long as batch["high"]."""
        return estimate

    def distances(self, batch: Batch, estimate: Nest) -> Losses:
        """Distances between an estimate and the original, by name, [batch] each."""
        return {name: loss(batch["high"], estimate) for name, loss in self._losses_by_name.items()}

    def given(self, batch: Batch) -> tf.Tensor:
        """The network's input, at the output rate, float32 [batch, time] as "high"."""
        raise UserError(
            f"Adversarial.conditional is set, but {type(self).__name__} has nothing to show to "
            "discriminators beside the waveform: leave it out"
        )

    def generated(self, batch: Batch, training: bool) -> tf.Tensor:
        return self.waveform(self.estimate(batch, training))

    def reconstructed(self, batch: Batch, training: bool) -> tuple[tf.Tensor, Losses]:
        estimate = self.estimate(batch, training)
        return self.waveform(estimate), self.distances(batch, estimate)

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        return with_total(self.distances(batch, self.estimate(batch, training)), self.loss_weights)

    @property
    def updates(self) -> Sequence[Update]:
        network = Update(
            "network",
            self._names_of_network,
            self.losses_for,
            self._training_optimizer,
            self.network.trainable_variables,
        )
        return self._adversarial.added_to(network, self) if self._adversarial else [network]

    def initialize(self) -> None:
        self.initialize_network()
        if self._adversarial:
            self._adversarial.initialize(max(self.hop * self.ratio, _SHOWN_FIRST))
