"""Tensors of PyTorch by their names, and the weights of this package that are made of them."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError

# PyTorch's newer names of a weight-normalised layer's gain and direction, and those before.
_RENAMED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
_GAIN, _DIRECTION = ".weight_g", ".weight_v"
_NORM = {
    **{"weight": "gamma", "bias": "beta"},
    **{"running_mean": "moving_mean", "running_var": "moving_variance"},
}


class Place(NamedTuple):
    """A weight, and what it is made of.

    Attributes:
        variable: the weight.
        names: of the tensors that it is made of.
        made: takes these tensors in PyTorch's order of axes and gives the weight's value.
    """

    variable: tf.Variable
    names: tuple[str, ...]
    made: Callable[..., np.ndarray]


class Tensors:
    """The tensors of a file whose names begin alike, which is left out of the names here.

    A weight-normalised layer has the names `weight_g` and `weight_v`, whichever PyTorch wrote it,
    and where its normalisation was taken away, they are made of its `weight`.

    Args:
        file: name -> tensor.
        prefix: what the names begin with.
    """

    def __init__(self, file: Mapping[str, np.ndarray], prefix: str):
        self._file = file
        self._prefix = prefix
        inside = [name for name in file if name.startswith(prefix)]
        self._names = {_usual(name).removeprefix(prefix): name for name in inside}
        self._used: set[str] = set()

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The file's names that `put` had no use for, sorted."""
        return tuple(sorted(set(self._file) - self._used))

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def name_in_file(self, name: str) -> str:
        """The whole name of a tensor, or of the one that it is made of."""
        plain = _plain(name)
        source = plain if name not in self and plain in self else name
        return self._names.get(source, self._prefix + source)

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a tensor that must have so many dimensions.

        Raises:
            UserError: it is missing, or has another number of dimensions.
        """
        shape = self._tensor(name).shape
        if len(shape) != dimensions:
            raise _misshapen(self.name_in_file(name), shape)
        return shape

    def count(self, pattern: str, first: int = 0, step: int = 1) -> int:
        """How many numbers there are in names that begin as `pattern`, which has a %d for them.

        Raises:
            UserError: they are not first, first + step, first + 2 * step, ...
        """
        number = re.compile(re.escape(pattern).replace("%d", r"(\d+)"))
        found = {int(match[1]) for match in map(number.match, self._names) if match}
        for wanted in itertools.islice(itertools.count(first, step), max(1, len(found))):
            if wanted not in found:
                raise UserError(
                    f"{self.name_in_file(pattern % wanted)}*: is missing; get the file again"
                )
        return len(found)

    def put(self, places: Iterable[Place], network: keras.Model) -> None:
        """Set all weights of a network.

        Args:
            places: of every weight of the network.
            network: its weights exist.

        Raises:
            UserError: a tensor is missing or has another shape; the message names it.
        """
        left = {weight.ref() for weight in network.weights}
        for place in places:
            place.variable.assign(self._value(place))
            left.discard(place.variable.ref())
        if left:
            names = sorted(reference.deref().name for reference in left)
            raise ValueError(f"{network.name} has weights without a place: {names}")

    def _value(self, place: Place) -> np.ndarray:
        tensors = [self._tensor(name) for name in place.names]
        try:
            value = place.made(*tensors)
        except (ValueError, IndexError):  # NumPy's, of shapes that cannot be put together
            value = None
        if value is None or value.shape != tuple(place.variable.shape):
            names = " or ".join(map(self.name_in_file, place.names))
            raise _misshapen(names, tensors[0].shape)
        self._used |= {self.name_in_file(name) for name in place.names}
        return value.astype(place.variable.dtype.as_numpy_dtype)

    def _tensor(self, name: str) -> np.ndarray:
        found = self.name_in_file(name)
        if found not in self._file:
            raise UserError(f"{found}: is missing; get the file again")
        tensor = np.asarray(self._file[found])
        if name in self or name.endswith(_DIRECTION):
            return tensor
        return np.sqrt(np.sum(np.square(tensor), tuple(range(1, tensor.ndim)), keepdims=True))


def prefix_of(names: Iterable[str], ending: str) -> str | None:
    """What comes before `ending` in the shortest name that ends so; None where none does."""
    found = [name.removesuffix(ending) for name in names if f".{name}".endswith(f".{ending}")]
    return min(found, key=len, default=None)


def of_layer(name: str, layer: keras.layers.Layer) -> Iterator[Place]:
    """The weights of a dense, convolutional or normalising layer.

    Args:
        name: the layer's, where PyTorch has it.
        layer: its weights exist.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        for part, attribute in _NORM.items():
            yield Place(getattr(layer, attribute), (f"{name}.{part}",), as_it_is)
        return
    normalised = hasattr(layer, "gain")
    yield Place(layer.kernel, (f"{name}.weight_v" if normalised else f"{name}.weight",), kernel)
    if layer.bias is not None:
        yield Place(layer.bias, (f"{name}.bias",), as_it_is)
    if normalised:
        yield Place(layer.gain, (f"{name}.weight_g",), np.ravel)


def of_layers(layers: Mapping[str, keras.layers.Layer]) -> Iterator[Place]:
    """The weights of all layers, by the names that PyTorch has for these."""
    for name, layer in layers.items():
        yield from of_layer(name, layer)


def as_it_is(tensor: np.ndarray) -> np.ndarray:
    """The same."""
    return tensor


def kernel(tensor: np.ndarray) -> np.ndarray:
    """[a, b, ...] -> [..., b, a]: Keras has the taps first, and the two kinds of channels last."""
    return tensor.transpose(*range(2, tensor.ndim), 1, 0)


def _usual(name: str) -> str:
    for new, usual in _RENAMED.items():
        if name.endswith(f".{new}"):
            return name.removesuffix(new) + usual
    return name


def _plain(name: str) -> str:
    """Of a gain or a direction, the name of the weight where there is no normalisation."""
    for ending in _GAIN, _DIRECTION:
        if name.endswith(ending):
            return name.removesuffix(ending) + ".weight"
    return name


def _misshapen(name: str, shape: tuple[int, ...]) -> UserError:
    return UserError(
        f"{name}: has the shape {list(shape)}, which does not fit the other weights; "
        "get the file again"
    )
