"""AP-BWE's published weights: outputs of the authors' code, and files that are not whole."""

from pathlib import Path

import numpy as np
import pytest

from tfsr.convert import apbwe
from tfsr.errors import UserError
from tfsr.signal.polar import PolarStft
from tfsr.signal.sinc_hann import SincHann

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATES = (16000, 48000)
# The recorded network has the spectra of so many samples.
FRAMES = 16, 48


@pytest.fixture(scope="module")
def tensors(recorded_tensors) -> dict[str, np.ndarray]:
    return recorded_tensors("apbwe_generator", "sd/")


@pytest.fixture(scope="module")
def model(tensors) -> apbwe.Converted:
    return apbwe.converted(tensors, RATES, *FRAMES)


def with_bins(tensors, bins: int) -> dict[str, np.ndarray]:
    """The same network for other spectra."""
    random = np.random.default_rng(0)
    wider = {
        name: random.normal(0, 0.1, [bins if size == 33 else size for size in tensor.shape])
        for name, tensor in tensors.items()
    }
    return {name: tensor.astype(np.float32) for name, tensor in wider.items()}


def test_waveform_equals_the_recorded_one(model):
    recorded, upsampler = np.load(FIXTURES / "apbwe_generator.npz"), model.upsampler
    made = upsampler.network(recorded["logamp_in"], recorded["pha_in"])
    waveform = upsampler.transform.inverse(made, 2400)
    np.testing.assert_allclose(waveform, recorded["wav_out"], atol=1e-6)


def test_spectra_and_resampler_are_the_authors(tensors):
    upsampler = apbwe.converted(with_bins(tensors, 513), RATES).upsampler
    assert upsampler.transform == PolarStft() and upsampler.interpolation == SincHann()
    assert (upsampler.input_rate, upsampler.output_rate) == RATES


def test_rates_must_be_given(tensors):
    with pytest.raises(UserError, match="AP-BWE do not tell theirs: give --rates 16000,48000 or"):
        apbwe.converted(tensors, None)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("convnext_mag.0.dwconv.weight", (8, 1, 5)),
        ("convnext_pha.1.pwconv1.weight", (32, 8)),
        ("convnext_pha.1.pwconv1.weight", (8, 24)),
        ("linear_post_pha_i.bias", (32,)),
    ],
)
def test_a_misshapen_weight_is_named(tensors, name, shape):
    given = tensors | {name: np.zeros(shape, np.float32)}
    with pytest.raises(UserError, match=rf"^{name}: has the shape \[.*\], which does not fit"):
        apbwe.converted(given, RATES, *FRAMES)


@pytest.mark.parametrize("bins", [1, 33, 400])
def test_bins_of_no_spectrum_are_told(tensors, bins):
    with pytest.raises(UserError, match=f"conv_pre_mag.weight is for {bins} bins"):
        apbwe.converted(with_bins(tensors, bins), RATES)
