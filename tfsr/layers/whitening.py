"""Whitening: features of mean 0 and variance 1, with fitted statistics that are not trained."""

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.description.describable import Describable

# Directions that hardly vary in the data are divided by no less than a hundredth of the root mean
# square deviation: what is but rounding there stays small, and the inverse exists.
_LEAST_VARIANCE = 1e-4


class Whitening(Describable, keras.layers.Layer):
    """[..., features] -> [..., features], whitened; unchanged before `adapt`.

    Mean and scales are weights, so that checkpoints store them. They are not trained.
    """

    def __init__(self, name: str | None = None):
        # float32 in mixed precision too: logarithms of powers go into exponentials again.
        super().__init__(trainable=False, name=name, dtype="float32")

    def build(self, input_shape: tf.TensorShape) -> None:
        self.mean = self._weight("mean", np.zeros(input_shape[-1]))
        super().build(input_shape)

    def adapt(self, samples: np.ndarray) -> None:
        """Set the statistics to those of samples [n, features], computed in float64."""
        self._build_for(samples)
        samples = np.asarray(samples, np.float64)
        self.mean.assign(samples.mean(axis=0))
        self._adapt_to_centred(samples - samples.mean(axis=0))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self._scale(x - self.mean)

    def invert(self, y: tf.Tensor) -> tf.Tensor:
        """The features whose whitened values are `y`."""
        self._build_for(y)
        return self._unscale(y) + self.mean

    def _adapt_to_centred(self, samples: np.ndarray) -> None:
        raise NotImplementedError

    def _scale(self, x: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def _unscale(self, y: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def _build_for(self, x: tf.Tensor | np.ndarray) -> None:
        if not self.built:
            self.build(x.shape)

    def _weight(self, name: str, value: np.ndarray) -> tf.Variable:
        initializer = keras.initializers.Constant(value)
        return self.add_weight(name, value.shape, initializer=initializer, trainable=False)


class MeanVariance(Whitening):
    """Each feature separately: minus its mean, divided by its standard deviation."""

    def build(self, input_shape: tf.TensorShape) -> None:
        self.deviation = self._weight("deviation", np.ones(input_shape[-1]))
        super().build(input_shape)

    def _adapt_to_centred(self, samples: np.ndarray) -> None:
        self.deviation.assign(_deviations(np.sum(samples**2, axis=0) / _freedom(samples)))

    def _scale(self, x: tf.Tensor) -> tf.Tensor:
        return x / self.deviation

    def _unscale(self, y: tf.Tensor) -> tf.Tensor:
        return y * self.deviation


class Pca(Whitening):
    """All principal components, the largest first, each divided by its standard deviation.

    The same as scikit-learn's `PCA(whiten=True)`, except for the signs of components.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        self.matrix = self._weight("matrix", np.eye(input_shape[-1]))
        self.inverse = self._weight("inverse", np.eye(input_shape[-1]))
        super().build(input_shape)

    def _adapt_to_centred(self, samples: np.ndarray) -> None:
        variances, axes = np.linalg.eigh(samples.T @ samples / _freedom(samples))
        deviations, axes = _deviations(variances[::-1]), axes[:, ::-1]
        self.matrix.assign(axes / deviations)
        self.inverse.assign((axes * deviations).T)

    def _scale(self, x: tf.Tensor) -> tf.Tensor:
        return x @ self.matrix

    def _unscale(self, y: tf.Tensor) -> tf.Tensor:
        return y @ self.inverse


def _freedom(samples: np.ndarray) -> int:
    return max(len(samples) - 1, 1)


def _deviations(variances: np.ndarray) -> np.ndarray:
    """Standard deviations, never too small to divide by; ones where nothing varies at all."""
    least = _LEAST_VARIANCE * variances.mean()
    return np.sqrt(np.maximum(variances, least if least > 0 else 1.0))
