"""Bijectors of normalising flows, [batch, time, channels]; only they use TensorFlow Probability.

Forward is from data to noise. Log-determinants are of the Jacobian's absolute value, summed over
time and channels with `event_ndims=2`. The conditions of a bijector are keyword arguments. `Chain`
passes them on by name: `chain.forward(x, coupling={"condition": condition})`.

TensorFlow Probability caches its results for known tensors. In eager mode, a result for the same
tensor is stale after a change of weights. The inverse of a result is then the original tensor
itself.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import scipy.linalg
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

Chain: TypeAlias = tfp.bijectors.Chain
"""A chain of bijectors; the last one in its list is applied first."""


class _ChannelMixing(tfp.bijectors.Bijector):
    """A product with a square kernel, [..., channels] -> [..., channels]."""

    def __init__(self, name: str):
        super().__init__(forward_min_event_ndims=1, is_constant_jacobian=True, name=name)

    @property
    def kernel(self) -> tf.Tensor:
        """[inputs, outputs]."""
        raise NotImplementedError

    @property
    def inverse_kernel(self) -> tf.Tensor:
        """[outputs, inputs], from the present weights."""
        raise NotImplementedError

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.kernel)

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return tf.matmul(y, self.inverse_kernel)


class InvertibleConvolution(_ChannelMixing):
    """Invertible 1x1 convolution: a square matrix for every time (Kingma & Dhariwal 2018, Glow).

    It starts as a random rotation. Its determinant may change its sign in training. A logarithm
    without the absolute value would then give NaN.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int, name: str = "convolution"):
        super().__init__(name)
        self._kernel = tf.Variable(_rotation(channels), name="kernel")

    @property
    def kernel(self) -> tf.Variable:
        return self._kernel

    @property
    def inverse_kernel(self) -> tf.Tensor:
        return tf.linalg.inv(self._kernel)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return tf.linalg.slogdet(self._kernel).log_abs_determinant


class LuInvertibleConvolution(_ChannelMixing):
    """Invertible 1x1 convolution by its LU factors (Kingma & Dhariwal 2018, equation 10).

    The kernel is Q L U. Q is a permutation with signs, and is not trained. L is lower triangular
    with ones on its diagonal. U is upper triangular with a positive diagonal, whose logarithms are
    trained. These logarithms add up to the log-determinant, which is never infinite; XLA can
    compile it. One matrix `factors` holds L below its diagonal and the rest of U above. The
    logarithms are on its diagonal. So as many numbers are trained as in `InvertibleConvolution`,
    which starts the same.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int, name: str = "convolution"):
        super().__init__(name)
        signed_permutation, factors = _factorized(_rotation(channels).numpy())
        self.signed_permutation = tf.Variable(
            signed_permutation, trainable=False, name="signed_permutation"
        )
        self.factors = tf.Variable(factors, name="factors")

    @property
    def kernel(self) -> tf.Tensor:
        return self.signed_permutation @ self._lower @ self._upper

    @property
    def inverse_kernel(self) -> tf.Tensor:
        transposed = tf.transpose(self.signed_permutation)
        half = tf.linalg.triangular_solve(self._lower, transposed)
        return tf.linalg.triangular_solve(self._upper, half, lower=False)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return tf.linalg.trace(self.factors)

    @property
    def _lower(self) -> tf.Tensor:
        below = tf.linalg.band_part(self.factors, -1, 0)
        return tf.linalg.set_diag(below, tf.ones(self.factors.shape[0]))

    @property
    def _upper(self) -> tf.Tensor:
        above = tf.linalg.band_part(self.factors, 0, -1)
        return tf.linalg.set_diag(above, tf.exp(tf.linalg.diag_part(self.factors)))


class AffineCoupling(tfp.bijectors.Bijector):
    """Scale and shift one half of the channels, with the network's output for the other half.

    forward: [a, b] -> [a, exp(log_scale) * b + shift], with [shift, log_scale] = network(a)
    (Dinh et al. 2017, Real NVP; Prenger et al. 2019, WaveGlow). The network may mix times.

    The network runs once for a tensor, even if both the result and the log-determinant are used.

    Args:
        network: (float32 [batch, time, channels / 2], **condition) -> float32 [batch, time,
            channels]. The condition is given by the keyword arguments of `forward` and the other
            methods, as nests of tensors.
    """

    def __init__(self, network: Callable[..., tf.Tensor], name: str = "coupling"):
        super().__init__(forward_min_event_ndims=2, name=name)
        self.network = network

    def _forward(self, x: tf.Tensor, **condition) -> tf.Tensor:
        kept, changed = _halves(x)
        shift, log_scale = self._at_input(x, condition)
        return tf.concat([kept, tf.exp(log_scale) * changed + shift], axis=-1)

    def _inverse(self, y: tf.Tensor, **condition) -> tf.Tensor:
        kept, changed = _halves(y)
        shift, log_scale = self._at_output(y, condition)
        return tf.concat([kept, (changed - shift) * tf.exp(-log_scale)], axis=-1)

    def _forward_log_det_jacobian(self, x: tf.Tensor, **condition) -> tf.Tensor:
        return tf.reduce_sum(self._at_input(x, condition)[1], axis=[-2, -1])

    def _inverse_log_det_jacobian(self, y: tf.Tensor, **condition) -> tf.Tensor:
        return -tf.reduce_sum(self._at_output(y, condition)[1], axis=[-2, -1])

    def _at_input(self, x: tf.Tensor, condition: dict) -> tuple[tf.Tensor, tf.Tensor]:
        """Shift and log_scale for an input of `forward`."""
        remembered = self._cache.forward_attributes(x, **condition)
        return self._shift_and_log_scale(x, condition, remembered)

    def _at_output(self, y: tf.Tensor, condition: dict) -> tuple[tf.Tensor, tf.Tensor]:
        """Shift and log_scale for an output of `forward`."""
        remembered = self._cache.inverse_attributes(y, **condition)
        return self._shift_and_log_scale(y, condition, remembered)

    def _shift_and_log_scale(
        self, x: tf.Tensor, condition: dict, remembered: dict
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`remembered` is TensorFlow Probability's cache, which lives as long as the tensor."""
        if "shift_and_log_scale" not in remembered:
            kept, _ = _halves(x)
            remembered["shift_and_log_scale"] = _halves(self.network(kept, **condition))
        return remembered["shift_and_log_scale"]


def forward_with_log_dets(
    chain: Chain, x: tf.Tensor, **conditions: dict[str, Any]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """`chain.forward`, and the log-determinants of its bijectors in the order of application.

    Args:
        x: float32 [batch, time, channels].
        conditions: name of a bijector -> its keyword arguments.

    Returns:
        [batch, time, channels], and float32 [batch] for each bijector.
    """
    x, log_dets = tf.identity(x), []  # a tensor that was not seen with earlier weights
    for bijector in reversed(chain.bijectors):
        condition = conditions.get(bijector.name, {})
        y = bijector.forward(x, **condition)
        log_det = bijector.forward_log_det_jacobian(x, event_ndims=2, **condition)
        log_dets.append(tf.broadcast_to(log_det, [tf.shape(x)[0]]))
        x = y
    _forget(chain)
    return x, log_dets


def invert(chain: Chain, y: tf.Tensor, **conditions: dict[str, Any]) -> tf.Tensor:
    """`chain.inverse` without the cache; arguments as in `forward_with_log_dets`."""
    x = chain.inverse(tf.identity(y), **conditions)
    _forget(chain)
    return x


def _forget(chain: Chain) -> None:
    """Clear the caches of a chain and its bijectors.

    In graphs they would never be freed. They would also keep the graphs and the weights: they hold
    the conditions, and every tensor of a graph keeps all others.
    """
    for bijector in (chain, *chain.bijectors):
        bijector._cache.clear()


def _rotation(channels: int) -> tf.Tensor:
    """A random orthogonal matrix of determinant 1."""
    matrix = keras.initializers.Orthogonal()([channels, channels])
    first = tf.sign(tf.linalg.det(matrix))
    return matrix * tf.concat([[first], tf.ones([channels - 1])], axis=0)


def _factorized(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(signed permutation, factors) of a kernel, as in `LuInvertibleConvolution`."""
    permutation, lower, upper = scipy.linalg.lu(kernel)
    signs = np.sign(np.diag(upper))
    logarithms = np.diag(np.log(np.abs(np.diag(upper))))
    lower, upper = signs[:, np.newaxis] * lower * signs, signs[:, np.newaxis] * upper
    return permutation * signs, np.tril(lower, -1) + np.triu(upper, 1) + logarithms


def _halves(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tuple(tf.split(x, 2, axis=-1))
