"""Tensors of PyTorch become weights here: which name is which, and in which order of axes."""

from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.convert import apbwe, nuwave
from tfsr.convert.converted import Converted
from tfsr.convert.places import Tensors, matrix, of_layer, prefix_of
from tfsr.errors import UserError
from tfsr.layers.streaming import DepthwiseConv1D

RATES = (16000, 48000)
# Module, fixture, what its names begin with there, and what its weights do not tell.
SYSTEMS = {
    "nuwave": (nuwave, "nuwave_small", "w/", {"dilation_cycle": 3}),
    "apbwe": (apbwe, "apbwe_generator", "sd/", {"hop_length": 16, "window_length": 48}),
}


class System(NamedTuple):
    module: ModuleType
    tensors: dict[str, np.ndarray]
    untold: dict[str, int]

    def converted(self, tensors: dict[str, np.ndarray]) -> Converted:
        return self.module.converted(tensors, RATES, **self.untold)


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request, recorded_tensors) -> System:
    module, fixture, prefix, untold = SYSTEMS[request.param]
    return System(module, recorded_tensors(fixture, prefix), untold)


@pytest.fixture(scope="module")
def network(system) -> keras.Model:
    return system.converted(system.tensors).upsampler.network


def shapes(tensors: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def assert_set(network: keras.Model, system: System) -> None:
    """Every weight of the network is a tensor, and every tensor a weight."""
    places = list(system.module.places(network))
    names = [name for place in places for name in place.names]
    assert set(names) == system.tensors.keys() and len(names) == len(network.weights)
    for place in places:
        expected = place.made(system.tensors[place.names[0]])
        np.testing.assert_array_equal(place.variable, expected)


@pytest.mark.parametrize("prefix", ["", "model.", "module.generator."])
def test_names_may_begin_alike_and_others_are_passed_over_in_their_order(system, prefix):
    given = {f"{prefix}{name}": tensor for name, tensor in system.tensors.items()}
    more = {"optimizer_states.0.exp_avg": np.zeros(3), f"{prefix}b.bias": np.zeros(8)}
    last = {"a": np.zeros(1)}
    assert system.module.recognised(shapes(more | given | last))
    made = system.converted(more | given | last)
    assert_set(made.upsampler.network, system)
    assert made.passed_over == (*more, *last)


def test_each_recognises_its_own(system, recorded_tensors):
    for module, fixture, prefix, _ in SYSTEMS.values():
        own = module is system.module
        assert system.module.recognised(shapes(recorded_tensors(fixture, prefix))) == own
    assert not system.module.recognised({})
    assert not system.module.recognised({f"x{name}": (1,) for name in system.tensors})


def test_every_weight_that_is_missing_is_named(system, network):
    for name in list(system.tensors)[::7]:
        rest = {f"model.{x}": tensor for x, tensor in system.tensors.items() if x != name}
        with pytest.raises(UserError, match=f"^model.{name}: is missing; get the file again, or"):
            Tensors(rest, "model.").put(system.module.places(network), network)


def test_every_weight_that_is_misshapen_is_named(system, network):
    for name, tensor in list(system.tensors.items())[::7]:
        wrong = np.zeros([*tensor.shape[:-1], tensor.shape[-1] + 1], np.float32)
        with pytest.raises(UserError, match=rf"^{name}: has the shape \[.*{wrong.shape[-1]}\], w"):
            tensors = Tensors(system.tensors | {name: wrong}, "")
            tensors.put(system.module.places(network), network)


def test_other_precisions_become_float32(system, network):
    half = {name: tensor.astype(np.float16) for name, tensor in system.tensors.items()}
    Tensors(half, "").put(system.module.places(network), network)
    assert {weight.dtype for weight in network.weights} == {tf.float32}
    assert_set(network, system._replace(tensors=half))


def test_a_weight_without_a_place_is_a_bug_and_so_is_a_place_elsewhere(system, network):
    places = list(system.module.places(network))
    elsewhere = places[0]._replace(variable=tf.Variable(0.0))
    for wrong in places[1:], [*places, elsewhere]:
        with pytest.raises(ValueError, match="without a place, or not of the network"):
            Tensors(system.tensors, "").put(wrong, network)


def test_of_several_networks_the_shortest_prefix_is_meant_and_then_the_first():
    names = ["ema.a", "average.a", "average.b", "model.a", "model.b", "other.a", "other.b"]
    assert prefix_of(names, ["a", "b"]) == "model."
    assert prefix_of(["x.a", "a", "b", "x.b"], ["a", "b"]) == ""
    assert prefix_of(["data", "b"], ["a", "b"]) is None


def given_to(layer: keras.layers.Layer, inputs: list, weight: np.ndarray, bias: np.ndarray):
    """A layer built for such inputs, with weights as PyTorch has them."""
    layer.build([None, *inputs])
    Tensors({"a.weight": weight, "a.bias": bias}, "").put(of_layer("a", layer), layer)
    return layer


@pytest.mark.parametrize("taps", [(), (1,), (4,), (4, 5)])
def test_layers_multiply_as_in_pytorch(taps):
    """Each output is a sum over inputs and taps; nothing is flipped."""
    random = np.random.default_rng(0)
    weight, bias = random.normal(size=[2, 3, *taps]), random.normal(size=2)
    x = random.normal(size=[3, *taps])
    layers = {
        **{(): keras.layers.Dense(2), (1,): keras.layers.Dense(2)},
        **{(4,): keras.layers.Conv1D(2, 4), (4, 5): keras.layers.Conv2D(2, (4, 5))},
    }
    layer = layers[taps]
    given_to(layer, [*(None for _ in taps), 3], weight, bias)
    made = layer(np.moveaxis(x, 0, -1)[np.newaxis].astype(np.float32))
    expected = np.tensordot(weight, x, axes=x.ndim) + bias
    np.testing.assert_allclose(np.ravel(made), expected, rtol=1e-5, atol=1e-6)


def test_depthwise_kernels_multiply_each_channel_alone():
    random = np.random.default_rng(0)
    weight, bias = random.normal(size=[3, 1, 5]), random.normal(size=3)
    x = random.normal(size=[1, 5, 3]).astype(np.float32)
    layer = given_to(DepthwiseConv1D(5), [None, 3], weight, bias)
    expected = np.sum(weight[:, 0] * x[0].T, axis=1) + bias
    np.testing.assert_allclose(layer(x)[0, 2], expected, rtol=1e-5, atol=1e-6)


def test_a_convolution_of_more_taps_is_no_matrix():
    with pytest.raises(ValueError, match="reshape"):
        matrix(np.zeros([2, 3, 2]))
