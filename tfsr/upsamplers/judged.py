"""What trains by distances from the original and, where there are critics, by their judgement."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.losses.adversarial import Hinge, LeastSquares, feature_matching
from tfsr.upsamplers.base import Nest, Upsampler
from tfsr.upsamplers.trainable import Batch, Losses, Update, loss_scaling, with_total

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(high, estimate), both [batch, time] -> [batch]"""


@dataclasses.dataclass(frozen=True, eq=False)
class Jury:
    """Families of critics: what they want, how they count, and how they learn.

    Args:
        critics: family -> network, [batch, time, 1] -> scores [batch, ...], or a list of such; with
            `conditional` [batch, time, 2], the second channel being what the network was given. One
            whose features are matched has a function `maps` too, (x, training) -> for each score
            of that list a list of feature maps [batch, ...], which ends with the score. Without
            any, nothing is adversarial.
        objective: what critics and network want; it says how the scores of a list count.
        weights: of families in the "adversarial" loss of the network; 1 where not given.
        averaged: that is the mean over families, not their sum.
        critic_weights: of families in the "critics" loss, a sum; 1 where not given.
        feature_weights: of families in the "feature_matching" loss of the network, a sum; 0, which
            costs nothing, where not given.
        start_step: the step at which critics begin to learn and the network begins to mind them;
            they cost nothing before.
        clip_norm: what the gradient of each family, over all replicas and all of its weights, is
            shortened to where it is longer.
        optimizer: of the critics; Adam with 1e-4 unless given.
        conditional: show the critics what the network was given, see `Judged.given`.

    Raises:
        UserError: weights of a family that is not there, or has no feature maps to be matched.
    """

    critics: Mapping[str, keras.Model] = dataclasses.field(default_factory=dict)
    objective: LeastSquares | Hinge = LeastSquares()
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    averaged: bool = False
    critic_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    feature_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    start_step: int = 0
    clip_norm: float | None = None
    optimizer: keras.optimizers.Optimizer | None = None
    conditional: bool = False

    def __post_init__(self):
        # So that a configuration's critics can be taken away by one setting.
        if not self.critics:
            return
        with_maps = [name for name, critic in self.critics.items() if hasattr(critic, "maps")]
        self._check("weights", self.critics)
        self._check("critic_weights", self.critics)
        self._check("feature_weights", with_maps, " with feature maps")

    @property
    def judgements(self) -> tuple[str, ...]:
        """Names of what `judge` gives."""
        if not self.critics:
            return ()
        matching = ("feature_matching",) if any(self.feature_weights.values()) else ()
        return ("adversarial", *matching)

    @property
    def channels(self) -> int:
        """That the critics see."""
        return 2 if self.conditional else 1

    def judge(
        self, real: tf.Tensor, fake: tf.Tensor, given: tf.Tensor | None, training: bool
    ) -> Losses:
        """What the network is to lower, from waveforms [batch, time]; `given` if `conditional`."""
        real, fake = self._shown(real, given), self._shown(fake, given)
        adversarial, matching = [], []
        for family, critic in self.critics.items():
            feature_weight = self.feature_weights.get(family, 0.0)
            if feature_weight:
                maps = critic.maps(fake, training)
                distance = feature_matching(critic.maps(real, training), maps)
                matching.append(feature_weight * distance)
                scores = [of_one[-1] for of_one in maps]
            else:
                scores = critic(fake, training=training)
            adversarial.append(self.weights.get(family, 1.0) * self.objective.for_network(scores))
        total = tf.add_n(adversarial) / (len(adversarial) if self.averaged else 1)
        losses = {"adversarial": total}
        if matching:
            losses["feature_matching"] = tf.add_n(matching)
        return losses

    def mistakes(
        self, real: tf.Tensor, fake: tf.Tensor, given: tf.Tensor | None, training: bool
    ) -> tf.Tensor:
        """What the critics are to lower, [batch], from waveforms [batch, time]."""
        real, fake = self._shown(real, given), self._shown(fake, given)
        weighted = []
        for family, critic in self.critics.items():
            losses = self.objective.for_critic(
                functools.partial(critic, training=training), real, fake
            )
            weighted.append(self.critic_weights.get(family, 1.0) * losses["critic"])
        return tf.add_n(weighted)

    @property
    def variables(self) -> list[tf.Variable]:
        """What learns, family after family."""
        return [v for critic in self.critics.values() for v in critic.trainable_variables]

    def clipped(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients of `variables`, those of each family shortened to `clip_norm`."""
        if self.clip_norm is None:
            return list(gradients)
        remaining, clipped = iter(gradients), []
        for critic in self.critics.values():
            own = [next(remaining) for _ in critic.trainable_variables]
            clipped += tf.clip_by_global_norm(own, self.clip_norm)[0]
        return clipped

    def _shown(self, waveform: tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        """[batch, time, channels]."""
        return tf.stack([waveform] if given is None else [waveform, given], axis=-1)

    def _check(self, setting: str, families: Sequence[str], such: str = "") -> None:
        for family in getattr(self, setting):
            if family not in families:
                raise UserError(
                    f'Jury.{setting} names "{family}", which is none of the critics{such} '
                    f"({', '.join(families) or 'there are none'})"
                )


class Judged(Upsampler):
    """Distances between the original and what a network makes, and what a jury says of that.

    In one step first the critics learn and then the network, from batches of their own, where most
    published programs give both the same one.

    A subclass sets `network`, all that learns besides the critics, and gives `estimate`,
    `distances` and `upsample`.

    Args:
        input_rate, output_rate: Hz.
        distances: names of what `distances` gives, in this order.
        weights: of these, and of the jury's judgements, in the sum that is minimised; 1 where not
            given.
        jury: None for no critics.
        optimizer: of the network; Adam with 1e-4 unless given.
    """

    training_only = Upsampler.training_only | {"jury": None, "weights": None}
    network: keras.Model

    def __init__(
        self,
        input_rate: int,
        output_rate: int,
        distances: Sequence[str],
        weights: Mapping[str, float] | None = None,
        jury: Jury | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, optimizer)
        self._jury = jury or Jury()
        self._weights = dict(weights or {})
        self.critics = dict(self._jury.critics)
        self.loss_names = ("loss", *distances, *self._jury.judgements)
        if self.critics:
            self.loss_names += ("critics",)
            self._critic_optimizer = self._jury.optimizer or keras.optimizers.Adam(1e-4)

    def compile(self, *given: Any, **named: Any) -> None:
        """See `Trainable.compile`.

        Raises:
            UserError: there are no losses, as in presets, which are for use alone.
        """
        if self.loss_names == ("loss",):
            raise UserError(
                f"{self.name}: has no losses to learn by; build a {type(self).__name__} with some "
                "and give its network these weights (set_weights)"
            )
        super().compile(*given, **named)

    def estimate(self, batch: Batch, training: bool) -> Nest:
        """What the network makes of a batch."""
        raise NotImplementedError

    def distances(self, batch: Batch, estimate: Nest) -> Losses:
        """How far an estimate is from the original, by name, [batch] each."""
        raise NotImplementedError

    def waveform(self, estimate: Nest) -> tf.Tensor:
        """What critics hear of an estimate, float32 [batch, time] as long as batch["high"]."""
        return estimate

    def given(self, batch: Batch) -> tf.Tensor:
        """What the network was given, at the output rate, float32 [batch, time] as "high"."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to show to the critics")

    @property
    def updates(self) -> Sequence[Update]:
        network = Update(
            self._network_losses,
            "loss",
            self._training_optimizer,
            self.network.trainable_variables,
        )
        if not self.critics:
            return [network]
        critics = Update(
            self._critic_losses, "critics", self._critic_optimizer, self._jury.variables
        )
        return [critics, network]

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        losses = self._network_losses(batch, training)
        if not self.critics:
            return losses
        mistakes = functools.partial(self._critic_losses, batch, training)
        none = {"critics": tf.zeros_like(losses["loss"])}
        return losses | tf.cond(self._started, mistakes, lambda: none)

    def initialize(self) -> None:
        super().initialize()
        for critic in self.critics.values():
            critic(tf.zeros([1, self.hop * self.ratio, self._jury.channels]))

    @property
    def _started(self) -> tf.Tensor:
        return self._training_optimizer.iterations >= self._jury.start_step

    def _network_losses(self, batch: Batch, training: bool) -> Losses:
        estimate = self.estimate(batch, training)
        distances = self.distances(batch, estimate)
        if not self.critics:
            return with_total(distances, self._weights)
        waveform = self.waveform(estimate)
        judgements, gradient = self._judgements(batch, waveform, training)
        losses = with_total(distances | judgements, self._weights)
        return losses | {"loss": losses["loss"] + _with_gradient(waveform, gradient)}

    def _judgements(
        self, batch: Batch, fake: tf.Tensor, training: bool
    ) -> tuple[Losses, tf.Tensor]:
        """What the jury says, and the gradient of its weighted sum at the samples of `fake`.

        Zeros before it has started. Both come out of the condition together: to differentiate one
        takes minutes, for all that is computed within it must come out.
        """
        judge = functools.partial(self._judge, batch, tf.stop_gradient(fake), training)
        silent = {name: tf.zeros_like(fake[:, 0]) for name in self._jury.judgements}
        return tf.cond(self._started, judge, lambda: (silent, tf.zeros_like(fake)))

    def _judge(self, batch: Batch, fake: tf.Tensor, training: bool) -> tuple[Losses, tf.Tensor]:
        scaled, unscaled = loss_scaling(self._training_optimizer)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            judgements = self._jury.judge(batch["high"], fake, self._shown(batch), training)
            total = scaled(with_total(judgements, self._weights)["loss"])
        (gradient,) = unscaled(tape.gradient(total, [fake]))
        return judgements, gradient

    def _critic_losses(self, batch: Batch, training: bool) -> Losses:
        fake = self.waveform(self.estimate(batch, training))
        mistakes = self._jury.mistakes(batch["high"], fake, self._shown(batch), training)
        return {"critics": mistakes}

    def _shown(self, batch: Batch) -> tf.Tensor | None:
        """To the critics beside a waveform."""
        return self.given(batch) if self._jury.conditional else None

    def _is_the_jurys(self, update: Update) -> bool:
        return bool(self.critics) and update.loss == "critics"

    def _losses_and_gradients(self, update: Update, batch: Batch) -> tuple[Losses, list[tf.Tensor]]:
        learn = functools.partial(super()._losses_and_gradients, update, batch)
        if not self._is_the_jurys(update):
            return learn()
        none = {"critics": tf.zeros_like(batch["high"][:, 0])}
        nothing = none, [tf.zeros_like(variable) for variable in update.variables]
        return tf.cond(self._started, learn, lambda: nothing)

    def _apply(self, update: Update, gradients: Sequence[tf.Tensor]) -> None:
        """Critics stay as they are before they start, also where weights decay by themselves.

        Replicas cannot meet within a condition, so that they do before.
        """
        if not self._is_the_jurys(update):
            super()._apply(update, gradients)
            return
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        context.merge_call(self._critics_step, args=(gradients,))

    def _critics_step(self, strategy: tf.distribute.Strategy, gradients: Sequence[tf.Tensor]):
        def step() -> None:
            strategy.extended.call_for_each_replica(self._apply_to_critics, args=(gradients,))

        def skip() -> None:
            self._critic_optimizer.iterations.assign_add(1, read_value=False)

        tf.cond(self._started, step, skip)

    def _apply_to_critics(self, gradients: Sequence[tf.Tensor]) -> None:
        pairs = zip(self._jury.clipped(gradients), self._jury.variables, strict=True)
        self._critic_optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)


class WaveformJudged(Judged):
    """Makes waveforms that are compared with the original as such.

    A subclass gives `widened`.

    Args:
        input_rate, output_rate, weights, jury, optimizer: see `Judged`.
        losses: name -> the distance of a waveform from the original.
    """

    training_only = Judged.training_only | {"losses": {}}

    def __init__(
        self,
        input_rate: int,
        output_rate: int,
        losses: Mapping[str, Loss],
        weights: Mapping[str, float] | None = None,
        jury: Jury | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, tuple(losses), weights, jury, optimizer)
        self._losses = dict(losses)

    def widened(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        """float32 [batch, time] -> [batch, ratio * time]."""
        raise NotImplementedError

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self.widened(low, training=False)

    def estimate(self, batch: Batch, training: bool) -> tf.Tensor:
        return self.widened(batch["low"], training)

    def distances(self, batch: Batch, estimate: tf.Tensor) -> Losses:
        return {name: loss(batch["high"], estimate) for name, loss in self._losses.items()}


@tf.custom_gradient
def _with_gradient(x: tf.Tensor, gradient: tf.Tensor):
    """0 for each example, with this gradient at x, both [batch, time]."""
    return tf.zeros_like(x[:, 0]), lambda upstream: (upstream[:, tf.newaxis] * gradient, None)
