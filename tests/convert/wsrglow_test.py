"""WSRGlow's released weights, against what the authors' code made with recorded ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.convert import wsrglow
from tfsr.errors import UserError

FIXTURES = Path(__file__).parents[1] / "fixtures"
Tensors = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def of_file(recorded_weights) -> Callable[[int], Tensors]:
    """A function: the tensors of a training checkpoint of a ratio."""

    def of_file(ratio: int) -> Tensors:
        weights = recorded_weights(f"wsrglow_x{ratio}", "w")
        return {f"model.{name}": tensor for name, tensor in weights.items()}

    return of_file


@pytest.fixture
def tensors(of_file) -> Tensors:
    return of_file(2)


def shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in tensors.items()}


@pytest.mark.parametrize(("ratio", "group", "rate"), [(2, 8, 24000), (4, 16, 12000)])
def test_the_waveform_is_the_recorded_one(of_file, ratio, group, rate):
    found = wsrglow.converted(of_file(ratio), None)
    assert found.passed_over == ()
    upsampler, network = found.upsampler, found.upsampler.network
    assert (upsampler.input_rate, upsampler.output_rate) == (rate, 48000)
    assert (network.group, network.ratio, len(network.steps)) == (group, ratio, 4)
    recorded = np.load(FIXTURES / f"wsrglow_x{ratio}.npz")
    condition = network.condition(tf.constant(recorded["io/lr"]))
    # Phases of a symmetric frame, the first, are as rounding had them.
    phases = condition["phase"].numpy()
    phases[:, 0] = recorded["io/phase_codes"][:, 0]
    z = 0.8 * recorded["io/sample_z"].swapaxes(1, 2)
    made = network.inverse(tf.constant(z, tf.float32), condition | {"phase": tf.constant(phases)})
    np.testing.assert_allclose(made, recorded["io/official/sample"], rtol=1e-5, atol=1e-5)


def test_what_is_not_needed_is_named(tensors):
    tensors |= {"model.more": np.zeros(3), "optimizer": np.zeros(3)}
    assert wsrglow.recognised(shapes(tensors))
    assert wsrglow.converted(tensors).passed_over == ("model.more", "optimizer")


def test_without_its_tables_it_is_none(tensors):
    del tensors["model.muembed.embed.weight"]
    assert not wsrglow.recognised(shapes(tensors))


@pytest.mark.parametrize(
    "name",
    [
        *("phase_embedding.embed.weight", "convinv.0.conv.weight", "convinv.3.conv.weight"),
        *("WN.0.start.weight_v", "WN.0.cond_layer.weight_v", "WN.2.in_layers.1.weight_g"),
        *("WN.3.end.bias", "WN.0.in_layers.2.bias"),
    ],
)
def test_a_missing_weight_is_named(tensors, name):
    del tensors[f"model.{name}"]
    with pytest.raises(UserError, match=f"^model.{name.split('.conv.')[0]}.*is missing; get"):
        wsrglow.converted(tensors)


@pytest.mark.parametrize("name", ["WN.2.in_layers.1.weight_v", "WN.3.end.bias", "WN.0.start.bias"])
def test_a_misshapen_weight_is_named(tensors, name):
    tensors[f"model.{name}"] = tensors[f"model.{name}"][1:]
    with pytest.raises(UserError, match=f"^model.{name}: has the shape .* does not fit"):
        wsrglow.converted(tensors)


def test_a_weight_of_other_dimensions_is_named(tensors):
    tensors["model.convinv.1.conv.weight"] = np.zeros([8, 8])
    with pytest.raises(UserError, match=r"^model.convinv.1.conv.weight: has the shape \[8, 8\]"):
        wsrglow.converted(tensors)


def test_a_condition_of_no_ratio(tensors):
    name = "model.WN.0.cond_layer.weight_v"
    tensors[name] = tensors[name][:, 1:]
    with pytest.raises(UserError, match=f"{name}: has 278 inputs; for groups of"):
        wsrglow.converted(tensors)


def test_other_rates_of_the_same_ratio(tensors):
    upsampler = wsrglow.converted(tensors, (8000, 16000)).upsampler
    assert (upsampler.input_rate, upsampler.output_rate) == (8000, 16000)


def test_rates_of_another_ratio(tensors):
    with pytest.raises(UserError, match="not 2 times 16000 Hz.* give --rates 24000,48000"):
        wsrglow.converted(tensors, (16000, 48000))
