"""NU-Wave's published weights: outputs of the authors' code, and files that are not whole."""

from pathlib import Path

import numpy as np
import pytest

from tfsr.convert import nuwave
from tfsr.errors import UserError
from tfsr.signal.noise_schedule import NoiseSchedule
from tfsr.upsamplers.diffusion import Diffusion

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATES = (24000, 48000)
CYCLE = 3


@pytest.fixture(scope="module")
def tensors(recorded_tensors) -> dict[str, np.ndarray]:
    return recorded_tensors("nuwave_small", "w/")


@pytest.fixture(scope="module")
def model(tensors) -> nuwave.Converted:
    return nuwave.converted(tensors, RATES, CYCLE)


def test_estimate_equals_the_recorded_one(model):
    recorded, network = np.load(FIXTURES / "nuwave_small.npz"), model.upsampler.network
    made = network(
        recorded["y_noisy"], network.condition(recorded["y_low"]), recorded["noise_level"]
    )
    np.testing.assert_allclose(made, recorded["eps_pred"], rtol=1e-5, atol=1e-5)


def test_steps_are_the_papers_in_float64(model):
    assert isinstance(model.upsampler, Diffusion)
    assert model.upsampler.schedule == NoiseSchedule() and model.upsampler.noise_steps == 8
    assert (model.upsampler.input_rate, model.upsampler.output_rate) == RATES


def test_the_dilations_start_again_after_ten_blocks_unless_told(model, tensors):
    assert model.upsampler.network.receptive_field == 2 * (1 + 2 + 4)
    ten = nuwave.converted(tensors, RATES).upsampler.network
    assert ten.receptive_field == sum(2**block for block in range(6))


def test_rates_must_be_given(tensors):
    message = "do not tell theirs: give --rates 24000,48000 or --rates 16000,48000"
    with pytest.raises(UserError, match=message):
        nuwave.converted(tensors, None)


def test_a_missing_block_is_named(tensors):
    rest = {name: one for name, one in tensors.items() if "layers.2." not in name}
    with pytest.raises(UserError, match=r"^residual_layers\.2\.\*: is missing"):
        nuwave.converted(rest, RATES, CYCLE)


def test_a_weight_with_other_axes_is_named(tensors):
    flat = {nuwave._WIDEST: np.zeros([32, 48], np.float32)}
    with pytest.raises(UserError, match=r"dilated_conv.weight: has the shape \[32, 48\]"):
        nuwave.converted(tensors | flat, RATES, CYCLE)


def test_diffwave_is_another_network(tensors):
    shapes = {name: one.shape for name, one in tensors.items() if "low_projection" not in name}
    assert not nuwave.recognised(shapes)
