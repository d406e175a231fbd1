"""A normalising flow from high-rate signals to noise: trained by likelihood, inverted to sample."""

import functools
import math
from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import NOT_NEGATIVE
from tfsr.backend import Stage
from tfsr.nest import Nest
from tfsr.upsamplers.base import Signature, Upsampler, check_ratio
from tfsr.upsamplers.update import Batch, Losses

_LOG_TWO_PI = math.log(2 * math.pi)


class Flow(Upsampler):
    """Maximum likelihood of the high-rate signal, given the low-rate one (Zhang et al. 2021).

    The loss is the negative log-likelihood per sample, without the constant log(2 pi) / 2. It is
    the sum of three terms: "prior" from the energy of the noise, "convolution" and "coupling" from
    the Jacobian's determinant. "bits" is the full negative log-likelihood, in bits per sample of
    the high-rate signal.

    Args:
        network: has `ratio`, `group`, `hop`, `receptive_field`, `steps`, and the functions
            `condition`, `forward`, `inverse_step`, `tables`, `groups` and `waveform`, as
            `tfsr.networks.wsrglow.WSRGlow` has.
        input_rate, output_rate: Hz.
        sigma: standard deviation of the noise in upsampling; 1 in training. The authors' code
            calls it "temperature", and the paper uses that name for its square.
        look_up: read the condition's projections from tables, made for one chunk at a time, when
            upsampling. This is exact except for rounding, and faster for chunks over about 0.2 s.
        optimizer: unless given, the paper's Adam with 1e-4 and the clipping of the code.
    """

    ranges = {"sigma": NOT_NEGATIVE}

    loss_names = ("loss", "prior", "convolution", "coupling", "bits")
    noise_steps = 1

    def __init__(
        self,
        network: keras.Model,
        input_rate: int,
        output_rate: int,
        sigma: float = 1.0,
        look_up: bool = True,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        super().__init__(input_rate, output_rate, optimizer or wsrglow_adam())
        check_ratio(network, self.ratio)
        self.network = network
        self.sigma = sigma
        self.hop = network.hop
        self.receptive_field = network.receptive_field
        self.condition_field = network.condition_field
        self._look_up = look_up
        self._flows = tuple(reversed(range(len(network.steps))))
        others = (Stage(functools.partial(self._back, flow)) for flow in self._flows[1:])
        self._stages = (Stage(self._first_back, 1), *others)

    def losses_for(self, batch: Batch, training: bool) -> Losses:
        z, log_dets = self._to_noise(batch["high"], batch["low"])
        samples = _samples(z)
        prior = 0.5 * _energy(z) / samples
        terms = {name: -log_det / samples for name, log_det in log_dets.items()}
        loss = prior + tf.add_n(list(terms.values()))
        bits = (loss + 0.5 * _LOG_TWO_PI) / math.log(2)
        return {"loss": loss, "prior": prior, **terms, "bits": bits}

    def log_prob(self, high: tf.Tensor, low: tf.Tensor) -> tf.Tensor:
        """Natural logarithm of the probability density of `high` given `low`.

        Args:
            high: float32 [batch, ratio * time]; samples after the last whole group do not count.
            low: float32 [batch, time], at least a group.

        Returns:
            float32 [batch], summed over all samples.
        """
        z, log_dets = self._to_noise(high, low)
        return tf.add_n(list(log_dets.values())) - 0.5 * (_energy(z) + _samples(z) * _LOG_TWO_PI)

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._sample(low, self.sigma * self.given_noise(noise)[0], self._look_up)

    def initialize(self) -> None:
        self._to_noise(tf.zeros([1, self.network.group]), tf.zeros([1, self.hop]))
        super().initialize()

    @property
    def stages(self) -> Sequence[Stage]:
        return self._stages

    def condition(self, low: tf.Tensor) -> Nest:
        return low, self.network.condition(low)

    @property
    def signatures(self) -> dict[str, Signature]:
        """Sampling also takes sigma; "log_prob" takes high and low."""
        given = super().signatures
        _, inputs, examples = given["serving_default"]
        inputs, examples = inputs | {"sigma": tf.TensorSpec([])}, {**examples, "sigma": 1.0}
        pair = {name: tf.TensorSpec([None, None]) for name in ("high", "low")}
        return {
            "serving_default": Signature(self._serve_sigma, inputs, examples),
            # Tables in a file would be larger than the weights that they are made of.
            "with_noise": Signature(self._serve_directly, given["with_noise"].inputs),
            "log_prob": Signature(self._serve_log_prob, pair),
        }

    def _to_noise(self, high: tf.Tensor, low: tf.Tensor) -> tuple[tf.Tensor, Losses]:
        return self.network.forward(high, self.network.condition(low))

    def _sample(self, low: tf.Tensor, z: tf.Tensor, look_up: bool) -> tf.Tensor:
        condition, x = self.condition(low), self.network.groups(z)
        for flow in self._flows:
            x = self._inverse(flow, x, condition, look_up)
        return x

    def _first_back(self, _: tuple[()], condition: Nest, noise: tuple[tf.Tensor]) -> tf.Tensor:
        """The first stage: one step of the flow, from the noise."""
        x = self.network.groups(self.sigma * noise[0])
        return self._inverse(self._flows[0], x, condition, self._look_up)

    def _back(self, flow: int, signal: tf.Tensor, condition: Nest, _: tuple[()]) -> tf.Tensor:
        """A stage: one step of the flow."""
        return self._inverse(flow, signal, condition, self._look_up)

    def _inverse(self, flow: int, x: tf.Tensor, condition: Nest, look_up: bool) -> tf.Tensor:
        """One inverse step, [batch, groups, group]; the last gives the sound [batch, time]."""
        low, encoded = condition
        tables = self.network.tables(flow) if look_up else None
        x = self.network.inverse_step(flow, x, encoded, tables)
        return x if flow else self.network.waveform(x)[:, : self.ratio * tf.shape(low)[1]]

    def _serve_sigma(self, audio: tf.Tensor, seed: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        batch, time = tf.unstack(tf.shape(audio))
        noise = tf.random.stateless_normal([batch, self.ratio * time], [seed, 0])
        return self._sample(audio, sigma * noise, self._look_up)

    def _serve_directly(self, audio: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        return self._sample(audio, self.sigma * noise[0], look_up=False)

    def _serve_log_prob(self, high: tf.Tensor, low: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"log_prob": self.log_prob(high, low)}


def wsrglow_adam(
    learning_rate: float = 1e-4, beta_2: float = 0.98, clip: float | None = 1.0
) -> keras.optimizers.Optimizer:
    """Adam as in Zhang et al.; their code clips, and leaves beta_2 at 0.999.

    Keras adds epsilon before it corrects the bias of the means, PyTorch after it. So the first
    steps are smaller here where clipped gradients are as small as 1e-8.

    Args:
        learning_rate: constant.
        beta_2: decay of the mean of squared gradients.
        clip: largest L2 norm of all gradients together.
    """
    return keras.optimizers.Adam(learning_rate, beta_2=beta_2, epsilon=1e-8, global_clipnorm=clip)


def _energy(z: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(z), axis=[1, 2])


def _samples(z: tf.Tensor) -> tf.Tensor:
    """Number of samples in each example of [batch, groups, group]."""
    return tf.cast(tf.shape(z)[1] * tf.shape(z)[2], tf.float32)
