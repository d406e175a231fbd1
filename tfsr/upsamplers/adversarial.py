"""Adversarial training: the losses of discriminators, and those that a network gets from them."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT, NOT_NEGATIVE, POSITIVE, WHOLE, check
from tfsr.errors import UserError
from tfsr.layers.random import next_seed
from tfsr.losses.gan_objectives import (
    CrossEntropy,
    Hinge,
    LeastSquares,
    WassersteinGP,
    feature_matching,
)
from tfsr.upsamplers.optimizers import check_optimizer
from tfsr.upsamplers.trainable import with_total
from tfsr.upsamplers.update import Batch, Losses, Update, differentiated, once

_RANGES = {
    **{"updates": COUNT, "start_step": WHOLE, "network_start": WHOLE, "clip_norm": POSITIVE},
    **dict.fromkeys(("weight", "matching_weight", "weights"), NOT_NEGATIVE),
    **dict.fromkeys(("discriminator_weights", "feature_weights"), NOT_NEGATIVE),
}


class Generator(Protocol):
    """A model that makes waveforms, as `tfsr.upsamplers.reconstruction.Reconstruction` does.

    Attributes:
        loss_weights: name -> weight of its loss in the sum; 1 where not given.
    """

    loss_weights: Mapping[str, float]

    def generated(self, batch: Batch, training: bool) -> tf.Tensor:
        """The waveforms, float32 [batch, time] as batch["high"]."""

    def reconstructed(self, batch: Batch, training: bool) -> tuple[tf.Tensor, Losses]:
        """The waveforms, and their losses without discriminators, before weighting."""

    def given(self, batch: Batch) -> tf.Tensor:
        """The input at the output rate, float32 [batch, time] as batch["high"]."""


@dataclasses.dataclass(frozen=True, eq=False)
class Adversarial:
    """Families of discriminators: their objective, their weights, and their training.

    In a step the discriminators learn first, then the network, each from a batch of its own. Most
    published programs use the same batch for both.

    Losses of the network: "adversarial", and "feature_matching" where features are matched. Losses
    of the discriminators: "discriminators", the weighted sum that they minimise. The figures of the
    objective are means over the families.

    Args:
        discriminators: family -> network, [batch, time, 1] -> scores [batch, ...], or a list of
            such scores. With `conditional` its input is [batch, time, 2]. For feature matching it
            also has a function `maps`: (x, training) -> lists of feature maps [batch, ...], one
            for each score. Each list ends with the score. `samples` is the number of samples that
            it is built for, if it is fixed.
        objective: the GAN objective, one of `tfsr.losses.gan_objectives`.
        updates: number of discriminator updates in a step, each from a batch of its own. The size
            of a batch given to `fit` must be a multiple of this number plus 1.
        weight: of the "adversarial" loss in the loss of the network.
        matching_weight: of the "feature_matching" loss in the loss of the network.
        weights: of families in the "adversarial" loss; 1 where not given. No weight is negative.
        averaged: whether the "adversarial" loss is the mean over families, not their sum.
        discriminator_weights: of families in the "discriminators" loss; 1 where not given.
        feature_weights: of families in the "feature_matching" loss; 0, which costs nothing, where
            not given.
        start_step: the step from which the discriminators learn. Their optimizer, and with it the
            schedule, also counts the steps before it.
        network_start: the step from which the network learns from the discriminators. If it is
            before `start_step`, the network begins at `start_step`.
        clip_norm: largest norm of each family's gradient, over all replicas; longer ones are
            scaled down to it.
        optimizer: of the discriminators; Adam with 1e-4 unless given.
        conditional: show the discriminators the input of the network, as a second channel.

    Raises:
        UserError: there are no discriminators, or they are built for different numbers of samples.
            Or a weight is for a family that does not exist or has no `maps`. Or a number is out of
            range.

    Example:
        >>> from tfsr.losses.gan_objectives import WassersteinGP
        >>> from tfsr.networks.critics import SrganCritic
        >>> part = Adversarial({"srgan": SrganCritic()}, WassersteinGP(weight=10.0), updates=5)
        >>> part.loss_names
        ('adversarial', 'discriminators', 'wasserstein', 'gradient_norm')
    """

    discriminators: Mapping[str, keras.Model]
    objective: WassersteinGP | CrossEntropy | LeastSquares | Hinge = LeastSquares()
    updates: int = 1
    weight: float = 1.0
    matching_weight: float = 1.0
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    averaged: bool = False
    discriminator_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    feature_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    start_step: int = 0
    network_start: int = 0
    clip_norm: float | None = None
    optimizer: keras.optimizers.Optimizer = dataclasses.field(
        default_factory=lambda: keras.optimizers.Adam(1e-4)
    )
    conditional: bool = False

    def __post_init__(self):
        if not isinstance(self.discriminators, Mapping) or not self.discriminators:
            raise UserError(
                "Adversarial.discriminators wants names and networks, such as "
                '{"srgan": SrganCritic()}; to use none, leave Adversarial out'
            )
        check("Adversarial", vars(self), _RANGES)
        check_optimizer(self.optimizer)
        if len(self._lengths) > 1:
            raise UserError(
                "Adversarial.discriminators are made for different numbers of samples "
                f"({', '.join(map(str, sorted(self._lengths)))}): set their `samples` alike"
            )
        with_maps = [name for name, made in self.discriminators.items() if hasattr(made, "maps")]
        self._check("weights", self.discriminators)
        self._check("discriminator_weights", self.discriminators)
        self._check("feature_weights", with_maps, " with feature maps")

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of all logged losses: the network's, then the discriminators'."""
        return (*self._network_names, *self.objective.names)

    @property
    def samples(self) -> int | None:
        """Number of samples that the waveforms must have; None: any number."""
        return next(iter(self._lengths), None)

    @property
    def _lengths(self) -> set[int]:
        lengths = (getattr(made, "samples", None) for made in self.discriminators.values())
        return {length for length in lengths if length is not None}

    @property
    def variables(self) -> list[tf.Variable]:
        """The trainable variables of the discriminators, family after family."""
        built = [made for made in self.discriminators.values() if made.built]
        return [variable for made in built for variable in made.trainable_variables]

    def initialize(self, samples: int) -> None:
        """Create the weights; `samples` is a signal length that the network can produce."""
        shape = [1, self.samples or samples, 2 if self.conditional else 1]
        for discriminator in self.discriminators.values():
            discriminator(tf.zeros(shape))

    def added_to(self, network: Update, generator: Generator) -> list[Update]:
        """The updates of a step, for discriminators and network.

        Args:
            network: the network's update without discriminators.
            generator: the model that makes the waveforms.
        """
        iterations = network.optimizer.iterations
        discriminators = Update(
            "discriminators",
            self.objective.names,
            functools.partial(self._losses_of_discriminators, generator),
            self.optimizer,
            self.variables,
            begun=_from(self.start_step, iterations),
            clipped=self._clipped if self.clip_norm else None,
        )
        taught = dataclasses.replace(
            network,
            loss_names=(*network.loss_names, *self._network_names),
            losses_for=functools.partial(self._losses_of_network, generator, network.optimizer),
        )
        return [*[discriminators] * self.updates, taught]

    def network_losses(
        self, real: tf.Tensor, fake: tf.Tensor, given: tf.Tensor | None, training: bool
    ) -> Losses:
        """The losses that the network gets from the discriminators.

        Args:
            real, fake: waveforms, float32 [batch, time].
            given: the network's input, with the same shape; None unless `conditional`.
            training: whether the discriminators run in training mode.

        Returns:
            "adversarial", and "feature_matching" where features are matched: [batch] each.
        """
        real, fake = _stacked(real, given), _stacked(fake, given)
        adversarial, matching = [], []
        for family, discriminator in self.discriminators.items():
            feature_weight = self.feature_weights.get(family, 0.0)
            if feature_weight:
                maps = discriminator.maps(fake, training)
                distance = feature_matching(discriminator.maps(real, training), maps)
                matching.append(feature_weight * distance)
                scores = [of_one[-1] for of_one in maps]
            else:
                scores = discriminator(fake, training=training)
            adversarial.append(self.weights.get(family, 1.0) * self.objective.for_network(scores))
        total = tf.add_n(adversarial) / (len(adversarial) if self.averaged else 1)
        losses = {"adversarial": total}
        if matching:
            losses["feature_matching"] = tf.add_n(matching)
        return losses

    def discriminator_losses(
        self, real: tf.Tensor, fake: tf.Tensor, given: tf.Tensor | None, training: bool
    ) -> Losses:
        """The loss that the discriminators minimise, and the objective's figures: [batch] each.

        Args:
            real, fake, given, training: as in `network_losses`.
        """
        real, fake = _stacked(real, given), _stacked(fake, given)
        of_families = {
            family: self.objective.for_discriminator(
                functools.partial(discriminator, training=training), real, fake, next_seed()
            )
            for family, discriminator in self.discriminators.items()
        }
        minimised, *figures = self.objective.names
        weighted = [
            self.discriminator_weights.get(family, 1.0) * losses[minimised]
            for family, losses in of_families.items()
        ]
        means = {
            name: tf.add_n([losses[name] for losses in of_families.values()]) / len(of_families)
            for name in figures
        }
        return {minimised: tf.add_n(weighted), **means}

    @property
    def _network_names(self) -> tuple[str, ...]:
        matching = ("feature_matching",) if any(self.feature_weights.values()) else ()
        return ("adversarial", *matching)

    @property
    def _total_weights(self) -> dict[str, float]:
        return {"adversarial": self.weight, "feature_matching": self.matching_weight}

    def _losses_of_discriminators(
        self, generator: Generator, batch: Batch, training: bool
    ) -> Losses:
        fake, given = generator.generated(batch, training), self._given(generator, batch)
        return self.discriminator_losses(batch["high"], fake, given, training)

    def _losses_of_network(
        self,
        generator: Generator,
        optimizer: keras.optimizers.Optimizer,
        batch: Batch,
        training: bool,
    ) -> Losses:
        waveform, losses = generator.reconstructed(batch, training)
        signals = batch["high"], tf.stop_gradient(waveform), self._given(generator, batch)
        none = {name: tf.zeros_like(waveform[:, 0]) for name in self._network_names}
        # Both come out of the condition together: to differentiate one takes minutes.
        added, gradient = once(
            _from(max(self.start_step, self.network_start), optimizer.iterations),
            lambda: self._losses_and_gradient(optimizer, *signals, training),
            lambda: (none, tf.zeros_like(waveform)),
        )
        losses = with_total(losses | added, {**generator.loss_weights, **self._total_weights})
        return losses | {"loss": losses["loss"] + _with_gradient(waveform, gradient)}

    def _losses_and_gradient(
        self,
        optimizer: keras.optimizers.Optimizer,
        real: tf.Tensor,
        fake: tf.Tensor,
        given: tf.Tensor | None,
        training: bool,
    ) -> tuple[Losses, tf.Tensor]:
        """`network_losses`, and the gradient of their weighted sum with respect to `fake`."""
        losses, (gradient,) = differentiated(
            optimizer,
            [fake],
            lambda: self.network_losses(real, fake, given, training),
            lambda losses: with_total(losses, self._total_weights)["loss"],
        )
        return losses, gradient

    def _given(self, generator: Generator, batch: Batch) -> tf.Tensor | None:
        return generator.given(batch) if self.conditional else None

    def _clipped(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients of `variables`, each family's scaled down to at most `clip_norm`."""
        remaining, clipped = iter(gradients), []
        for discriminator in self.discriminators.values():
            own = [next(remaining) for _ in discriminator.trainable_variables]
            clipped += tf.clip_by_global_norm(own, self.clip_norm)[0]
        return clipped

    def _check(self, setting: str, families: Iterable[str], such: str = "") -> None:
        for family in getattr(self, setting):
            if family not in families:
                raise UserError(
                    f'Adversarial.{setting} names "{family}", which is none of the discriminators'
                    f"{such} ({', '.join(families) or 'there are none'})"
                )


def _from(step: int, iterations: tf.Variable) -> Callable[[], tf.Tensor] | None:
    """Whether that step has come; None: there is nothing to wait for."""
    return (lambda: iterations >= step) if step else None


def _stacked(waveform: tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
    """The channels side by side, [batch, time, channels]."""
    return tf.stack([waveform] if given is None else [waveform, given], axis=-1)


@tf.custom_gradient
def _with_gradient(x: tf.Tensor, gradient: tf.Tensor):
    """0 for each example, but with this gradient with respect to x, both [batch, time]."""
    return tf.zeros_like(x[:, 0]), lambda upstream: (upstream[:, tf.newaxis] * gradient, None)
