"""What holds for the published weights of all systems."""

from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfsr.convert import apbwe, nuwave
from tfsr.convert.converted import Converted
from tfsr.convert.weights import Weights, in_our_order, prefix_of
from tfsr.errors import UserError

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


def shapes(tensors: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def assert_set(made: Converted, system: System) -> None:
    """Every weight of the network is a tensor, and every tensor a weight."""
    network = made.upsampler.network
    places = system.module.by_name(network)
    assert places.keys() == system.tensors.keys() and len(places) == len(network.weights)
    for name, weight in places.items():
        expected = in_our_order(system.tensors[name], weight.shape)
        np.testing.assert_array_equal(weight, expected)


def test_all_weights_are_set_and_all_tensors_used(system):
    made = system.converted(system.tensors)
    assert_set(made, system)
    assert made.passed_over == ()


@pytest.mark.parametrize("prefix", ["", "model.", "generator.", "module.model."])
def test_names_may_begin_alike_and_others_are_passed_over(system, prefix):
    given = {f"{prefix}{name}": tensor for name, tensor in system.tensors.items()}
    more = {"optimizer_states.0.exp_avg": np.zeros(3), f"{prefix}spare.bias": np.zeros(8)}
    assert system.module.recognised(shapes(more | given))
    made = system.converted(more | given)
    assert_set(made, system)
    assert made.passed_over == tuple(more)


def test_each_recognises_its_own(system, recorded_tensors):
    for module, fixture, prefix, _ in SYSTEMS.values():
        own = module is system.module
        assert system.module.recognised(shapes(recorded_tensors(fixture, prefix))) == own
    assert not system.module.recognised({})
    assert not system.module.recognised({f"x{name}": (1,) for name in system.tensors})


def test_every_weight_that_is_missing_is_named(system):
    for name in list(system.tensors)[::11]:
        rest = {one: tensor for one, tensor in system.tensors.items() if one != name}
        with pytest.raises(UserError, match=f"^{name} is missing: the file is not whole"):
            system.converted(rest)


def test_other_precisions_become_float32(system):
    half = {name: tensor.astype(np.float16) for name, tensor in system.tensors.items()}
    made = system.converted(half)
    assert {weight.dtype for weight in made.upsampler.network.weights} == {tf.float32}
    assert_set(made, system._replace(tensors=half))


def test_a_weight_that_no_name_is_for_is_a_bug(system):
    network = system.converted(system.tensors).upsampler.network
    places = system.module.by_name(network)
    places.popitem()
    with pytest.raises(ValueError, match="without a name"):
        Weights(system.tensors, list(places)).put(network, places)


def test_of_several_networks_the_first_that_is_whole_is_meant():
    names = ["ema.a", "model.a", "model.b", "other.a", "other.b"]
    assert prefix_of(names, ["a", "b"]) == "model."
    assert prefix_of(["a", "b"], ["a", "b"]) == ""
    assert prefix_of(["data", "b"], ["a", "b"]) is None
