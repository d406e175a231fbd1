"""Training objectives of a discriminator, and of the network whose output it scores.

An objective is a frozen value with two functions. `for_discriminator(discriminator, real, fake,
seed)` gives the losses and figures of `names` for each example, shape [batch]. The discriminator
minimises the first. `for_network(scores)` gives the loss of the network, from the scores of its
output. `discriminator` maps [batch, time, channels] to scores: any number, [batch, ...], or a list
of such tensors. Within a tensor all scores have equal weight. All random draws come from `seed`,
int32 [2], which is not needed where nothing is random.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfsr.arguments import NOT_NEGATIVE, check

Discriminator = Callable[[tf.Tensor], tf.Tensor]

# Under the root of the norm, whose derivative at zero would not be finite.
_SMALLEST_SQUARE = 1e-12


@dataclass(frozen=True)
class WassersteinGP:
    """Wasserstein distance with gradient penalty (WGAN-GP; Gulrajani et al. 2017, algorithm 1).

    King et al. 2021 train AudioUNetGAN with it; their algorithm 3 omits the penalty's square.

    Args:
        weight: of the gradient penalty, (norm of the discriminator's gradient - 1)^2.
    """

    weight: float = 10.0
    names = ("discriminators", "wasserstein", "gradient_norm")

    def __post_init__(self):
        check("WassersteinGP", vars(self), {"weight": NOT_NEGATIVE})

    def for_discriminator(
        self, discriminator: Discriminator, real: tf.Tensor, fake: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        def score(x: tf.Tensor) -> tf.Tensor:
            return _mean(discriminator(x), tf.identity)

        share = tf.random.stateless_uniform([tf.shape(real)[0], 1, 1], seed)
        norms = gradient_norms(score, share * real + (1 - share) * fake)
        distance = score(real) - score(fake)
        penalty = tf.square(norms - 1.0)
        return {
            "discriminators": self.weight * penalty - distance,
            "wasserstein": distance,
            "gradient_norm": norms,
        }

    def for_network(self, scores: tf.Tensor | Sequence[tf.Tensor]) -> tf.Tensor:
        return -_mean(scores, tf.identity)


@dataclass(frozen=True)
class CrossEntropy:
    """The first adversarial objective (Goodfellow et al. 2014), non-saturating; scores are logits.

    Kim & Sathe 2019 train MU-GAN with it. "real_share" and "fake_share" are the discriminator's
    probabilities of being real, for real and for generated signals.
    """

    names = ("discriminators", "real_share", "fake_share")

    def for_discriminator(
        self, discriminator: Discriminator, real: tf.Tensor, fake: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        for_real, for_fake = discriminator(real), discriminator(fake)
        return {
            "discriminators": self.for_network(for_real) + _mean(for_fake, tf.nn.softplus),
            "real_share": _mean(for_real, tf.sigmoid),
            "fake_share": _mean(for_fake, tf.sigmoid),
        }

    def for_network(self, scores: tf.Tensor | Sequence[tf.Tensor]) -> tf.Tensor:
        return _mean(scores, lambda scores: tf.nn.softplus(-scores))


@dataclass(frozen=True)
class LeastSquares:
    """Target scores: 1 for real, 0 for generated; for the network 1 (Mao et al. 2017, LSGAN).

    In a list of scores, each tensor has equal weight. "real_score" and
    "fake_score" are means.
    """

    names = ("discriminators", "real_score", "fake_score")

    def for_discriminator(
        self,
        discriminator: Discriminator,
        real: tf.Tensor,
        fake: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        for_real, for_fake = discriminator(real), discriminator(fake)
        mistakes = self.for_network(for_real) + _mean(for_fake, tf.square)
        return {"discriminators": mistakes} | _mean_scores(for_real, for_fake)

    def for_network(self, scores: tf.Tensor | Sequence[tf.Tensor]) -> tf.Tensor:
        return _mean(scores, lambda scores: tf.square(1.0 - scores))


@dataclass(frozen=True)
class Hinge:
    """Real signals should score 1 or more, generated ones -1 or less (Lim & Ye 2017).

    The network should reach a score of 1; there its loss ends too, as in AP-BWE's program. Usually
    that loss has no bound. In a list of scores, each tensor's mean is taken, and the means are
    summed.
    """

    names = ("discriminators", "real_score", "fake_score")

    def for_discriminator(
        self,
        discriminator: Discriminator,
        real: tf.Tensor,
        fake: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        for_real, for_fake = discriminator(real), discriminator(fake)
        of_fake = tf.add_n(_means(for_fake, lambda scores: _short_of_one(-scores)))
        mistakes = self.for_network(for_real) + of_fake
        return {"discriminators": mistakes} | _mean_scores(for_real, for_fake)

    def for_network(self, scores: tf.Tensor | Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.add_n(_means(scores, _short_of_one))


def feature_matching(
    real: Sequence[Sequence[tf.Tensor]], fake: Sequence[Sequence[tf.Tensor]]
) -> tf.Tensor:
    """Distance between the features of two signals, [batch] (Kumar et al. 2019, MelGAN).

    Args:
        real, fake: feature maps [batch, ...] of each discriminator. Their mean absolute differences
            are summed.
    """
    pairs = zip(tf.nest.flatten(real), tf.nest.flatten(fake), strict=True)
    return tf.add_n([_mean(a - b, tf.abs) for a, b in pairs])


def _mean_scores(
    for_real: tf.Tensor | Sequence[tf.Tensor], for_fake: tf.Tensor | Sequence[tf.Tensor]
) -> dict[str, tf.Tensor]:
    """The figures that both objectives report besides the discriminator's loss."""
    return {
        "real_score": _mean(for_real, tf.identity),
        "fake_score": _mean(for_fake, tf.identity),
    }


def _short_of_one(scores: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(1.0 - scores)


def _mean(scores: tf.Tensor | Sequence[tf.Tensor], function: Callable) -> tf.Tensor:
    """Mean of the function of the scores, over all axes but the batch: float32 [batch]."""
    means = _means(scores, function)
    return tf.add_n(means) / len(means)


def _means(scores: tf.Tensor | Sequence[tf.Tensor], function: Callable) -> list[tf.Tensor]:
    """The mean for each tensor of scores, see `_mean`."""
    maps = scores if isinstance(scores, list | tuple) else [scores]
    means = []
    for one in maps:
        values = function(tf.cast(one, tf.float32))
        means.append(tf.reduce_mean(values, axis=list(range(1, len(values.shape)))))
    return means


def gradient_norms(discriminator: Discriminator, signals: tf.Tensor) -> tf.Tensor:
    """Euclidean norms of the discriminator's gradient at the signals [batch, time, 1]."""
    with tf.GradientTape() as tape:
        tape.watch(signals)
        scores = discriminator(signals)
    gradients = tape.gradient(scores, signals)
    return tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2]) + _SMALLEST_SQUARE)
