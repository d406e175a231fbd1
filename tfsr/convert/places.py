"""Map PyTorch's tensors, by their names, to the weights of this package."""

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
"""Tensors by name; a `Tensor` becomes an array when it is needed."""


class Place(NamedTuple):
    """A weight, and how it is made from tensors.

    Attributes:
        variable: the weight.
        names: names of the tensors that it is made from.
        made: takes these tensors, in PyTorch's order of axes, and returns the weight's value.
    """

    variable: tf.Variable
    names: tuple[str, ...]
    made: Callable[..., np.ndarray]


class Tensors:
    """The tensors of a file with a common prefix, which is left out of the names here.

    A weight-normalised layer has the names `weight_g` and `weight_v`, in files of any version of
    PyTorch. If its normalisation was removed, these are made from its `weight`.

    Args:
        file: name -> tensor; arrays are made when they are needed.
        prefix: common beginning of the names.
    """

    def __init__(self, file: Arrays, prefix: str):
        self._file = file
        self._prefix = prefix
        inside = [name for name in file if name.startswith(prefix)]
        self._names = {_usual(name).removeprefix(prefix): name for name in inside}
        self._used: set[str] = set()

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The file's names that `put` did not use, in order."""
        return tuple(name for name in self._file if name not in self._used)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def name_in_file(self, name: str) -> str:
        """The full name of a tensor, or of the tensor that it is made from."""
        plain = _plain(name)
        source = plain if name not in self and plain in self else name
        return self._names.get(source, self._prefix + source)

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """The shape of a tensor with this number of dimensions.

        Raises:
            UserError: it is missing, or has another number of dimensions.
        """
        shape = self._given(name).shape
        if len(shape) != dimensions:
            raise _misshapen(self.name_in_file(name), shape)
        return shape

    def count(self, pattern: str, first: int = 0, step: int = 1) -> int:
        """How many different numbers replace %d in names that begin like `pattern`.

        Raises:
            UserError: the numbers are not first, first + step, first + 2 * step, ...
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
            places: for every weight of the network, or layer.
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
    """The prefix of all names in `known`: "", or a text that ends with a dot; None if none fits.

    If there are several, as for a network and its average, the shortest is chosen, then the first.
    """
    first = known[0]
    prefixes = [name.removesuffix(first) for name in names if f".{name}".endswith(f".{first}")]
    whole = (prefix for prefix in prefixes if all(f"{prefix}{name}" in names for name in known))
    return min(whole, key=len, default=None)


def of_layer(name: str, layer: keras.layers.Layer) -> Iterator[Place]:
    """The weights of a dense, convolutional or normalising layer.

    Args:
        name: the layer's name in PyTorch.
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
    """The weights of all layers, by the layers' names in PyTorch."""
    for name, layer in layers.items():
        yield from of_layer(name, layer)


def as_it_is(tensor: np.ndarray) -> np.ndarray:
    """The tensor, unchanged."""
    return tensor


def kernel(tensor: np.ndarray) -> np.ndarray:
    """[a, b, ...] -> [..., b, a]: in Keras the taps come first, and both kinds of channels last."""
    return tensor.transpose(*range(2, tensor.ndim), 1, 0)


def matrix(tensor: np.ndarray) -> np.ndarray:
    """[outputs, inputs], or a convolution's with one tap -> [inputs, outputs]."""
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
    """The name of the weight without normalisation, for the name of a gain or a direction."""
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
