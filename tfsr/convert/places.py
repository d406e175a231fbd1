"""Tensors of PyTorch by their names, and the weights of this package that are made of them."""

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.convert.tensors import Tensor
from tfsr.errors import UserError
from tfsr.layers.streaming import DepthwiseConv1D

# PyTorch's newer names of a weight-normalised layer's gain and direction, and those before.
_RENAMED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
_GAIN, _DIRECTION = ".weight_g", ".weight_v"
_AFFINE = {"weight": "gamma", "bias": "beta"}
_NORMS = {
    keras.layers.LayerNormalization: _AFFINE,
    keras.layers.BatchNormalization: _AFFINE
    | {"running_mean": "moving_mean", "running_var": "moving_variance"},
}


Arrays = Mapping[str, np.ndarray | Tensor]
"""By name; a `Tensor` becomes an array when that is needed."""


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
        file: name -> tensor, of which arrays are made when they are needed.
        prefix: what the names begin with.
    """

    def __init__(self, file: Arrays, prefix: str):
        self._file = file
        self._prefix = prefix
        inside = [name for name in file if name.startswith(prefix)]
        self._names = {_usual(name).removeprefix(prefix): name for name in inside}
        self._used: set[str] = set()

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The file's names that `put` had no use for, in its order."""
        return tuple(name for name in self._file if name not in self._used)

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
        shape = self._given(name).shape
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
                raise _missing(f"{self.name_in_file(pattern % wanted)}*")
        return len(found)

    def put(self, places: Iterable[Place], network: keras.layers.Layer) -> None:
        """Set all weights of a network.

        Args:
            places: of every weight of the network, or layer.
            network: its weights exist.

        Raises:
            UserError: a tensor is missing or has another shape; the message names it.
        """
        places = list(places)
        placed = {place.variable.ref() for place in places}
        if wrong := placed ^ {weight.ref() for weight in network.weights}:
            names = sorted(reference.deref().name for reference in wrong)
            raise ValueError(f"{network.name}: without a place, or not of the network: {names}")
        for place in places:
            place.variable.assign(self._value(place))

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
        return value.astype(place.variable.dtype.as_numpy_dtype, copy=False)

    def _given(self, name: str) -> np.ndarray | Tensor:
        found = self.name_in_file(name)
        if found not in self._file:
            raise _missing(found)
        return self._file[found]

    def _tensor(self, name: str) -> np.ndarray:
        tensor = np.asarray(self._given(name))
        if name in self or name.endswith(_DIRECTION):
            return tensor
        return np.sqrt(np.sum(np.square(tensor), tuple(range(1, tensor.ndim)), keepdims=True))


def prefix_of(names: Collection[str], known: Sequence[str]) -> str | None:
    """What stands before all of the names `known`: "", or what ends with a dot; None: they do not.

    Where there are several, of a network and its average say, the shortest, and of these the first.
    """
    first = known[0]
    prefixes = [name.removesuffix(first) for name in names if f".{name}".endswith(f".{first}")]
    whole = (prefix for prefix in prefixes if all(f"{prefix}{name}" in names for name in known))
    return min(whole, key=len, default=None)


def of_layer(name: str, layer: keras.layers.Layer) -> Iterator[Place]:
    """The weights of a dense, convolutional or normalising layer.

    Args:
        name: the layer's, where PyTorch has it.
        layer: its weights exist.
    """
    for kind, parts in _NORMS.items():
        if isinstance(layer, kind):
            for part, attribute in parts.items():
                yield Place(getattr(layer, attribute), (f"{name}.{part}",), as_it_is)
            return
    normalised = hasattr(layer, "gain")
    direction = f"{name}.weight_v" if normalised else f"{name}.weight"
    yield Place(layer.kernel, (direction,), _maker_of_kernel(layer))
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


def matrix(tensor: np.ndarray) -> np.ndarray:
    """[outputs, inputs], or that of a convolution with one tap -> [inputs, outputs]."""
    return kernel(tensor).reshape(tensor.shape[1::-1])


def _maker_of_kernel(layer: keras.layers.Layer) -> Callable[[np.ndarray], np.ndarray]:
    if isinstance(layer, DepthwiseConv1D):
        return _depthwise
    return matrix if isinstance(layer, keras.layers.Dense) else kernel


def _depthwise(tensor: np.ndarray) -> np.ndarray:
    """[channels, 1, taps] -> [taps, channels]."""
    return kernel(tensor).squeeze(1)


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


def _missing(name: str) -> UserError:
    return UserError(f"{name}: is missing; get the file again, or one of the authors' own network")


def _misshapen(name: str, shape: tuple[int, ...]) -> UserError:
    return UserError(
        f"{name}: has the shape {list(shape)}, which does not fit the other weights; get the file "
        "again, or one of the authors' own network"
    )
