"""Tensors of PyTorch under the names of the authors' code, put into layers of Keras."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError


class Weights:
    """The tensors of a file: each is put into a network, or passed over.

    Names are those within the network. Files may begin each of theirs alike, with "model." say.

    Args:
        tensors: by the names of the file.
        known: names that tell the network from others, as `prefix_of` takes them.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], known: Sequence[str]):
        self._tensors = tensors
        self._prefix = prefix_of(tensors, known) or ""
        self._used: set[str] = set()

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Names of the file, in its order, that were not put anywhere."""
        return tuple(name for name in self._tensors if name not in self._used)

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        """The shape of a tensor, in the file's order.

        Raises:
            UserError: it is missing, or has another number of axes.
        """
        shape = self._named(name).shape
        if len(shape) != rank:
            raise UserError(
                f"{self._prefix}{name} has the shape {shape} where {rank} axes are wanted: give a "
                "checkpoint of the authors' own network"
            )
        return shape

    def count(self, stem: str) -> int:
        """How many numbers follow `stem` in the names, as those of layers in a list do."""
        start = f"{self._prefix}{stem}"
        rests = (name.removeprefix(start) for name in self._tensors if name.startswith(start))
        return len({number for rest in rests if (number := rest.partition(".")[0]).isdecimal()})

    def put(self, network: keras.Model, places: Mapping[str, tf.Variable]) -> None:
        """Set every weight of a network.

        Args:
            network: all of whose weights exist.
            places: the weight of each name.

        Raises:
            UserError: a tensor is missing or has another shape.
        """
        left = {weight.ref() for weight in network.weights} ^ {w.ref() for w in places.values()}
        if left:
            raise ValueError(f"without a name, or not of the network: {left}")
        for name, weight in places.items():
            self._put(name, weight)

    def _put(self, name: str, weight: tf.Variable) -> None:
        tensor = self._named(name)
        given, wanted = tensor.shape, tuple(weight.shape)[::-1]
        if _long(given) != _long(wanted):
            raise UserError(
                f"{self._prefix}{name} has the shape {given} where the other weights ask for "
                f"{wanted}: give a checkpoint of the authors' own network"
            )
        weight.assign(in_our_order(tensor, weight.shape))
        self._used.add(f"{self._prefix}{name}")

    def _named(self, name: str) -> np.ndarray:
        if f"{self._prefix}{name}" not in self._tensors:
            raise UserError(
                f"{self._prefix}{name} is missing: the file is not whole, or of another network; "
                "fetch it again, or give the one that the authors published"
            )
        return self._tensors[f"{self._prefix}{name}"]


def prefix_of(names: Collection[str], known: Sequence[str]) -> str | None:
    """What stands before all of the names `known`, "" or what ends with a dot; None: they do not.

    Where there are several, of a network and its average say, the first.
    """
    first = known[0]
    prefixes = (name.removesuffix(first) for name in names if name.endswith(first))
    for prefix in prefixes:
        if prefix[-1:] in ("", ".") and all(f"{prefix}{name}" in names for name in known):
            return prefix
    return None


def weights_of(layers: Mapping[str, keras.layers.Layer]) -> dict[str, tf.Variable]:
    """The weights of built layers as PyTorch names them: .weight and .bias."""
    found = {}
    for name, layer in layers.items():
        norm = isinstance(layer, keras.layers.LayerNormalization)
        found[f"{name}.weight"] = layer.gamma if norm else layer.kernel
        found[f"{name}.bias"] = layer.beta if norm else layer.bias
    return found


def in_our_order(tensor: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A tensor of PyTorch as Keras has it: taps, inputs, outputs; float32.

    Args:
        tensor: outputs, inputs, taps.
        shape: that of the weight, for depthwise kernels do without their single input.
    """
    return np.reshape(tensor.T, shape).astype(np.float32)


def _long(shape: Sequence[int]) -> list[int]:
    """All axes but those of one element."""
    return [size for size in shape if size != 1]
