"""`tfsr convert`: a file as its authors wrote it, a model folder, the same outputs."""

import numpy as np
import pytest

import tfsr
from tfsr.convert import nuwave
from tfsr.convert.conversion import convert
from tfsr.errors import UserError

RATES = (24000, 48000)


@pytest.fixture(scope="module")
def tensors(recorded_tensors) -> dict[str, np.ndarray]:
    return recorded_tensors("nuwave_small", "w/")


@pytest.fixture
def trainers_file(write, tensors, tmp_path):
    state = {f"model.{name}": tensor for name, tensor in tensors.items()}
    moments = {"exp_avg": np.zeros(3, np.float32)}
    return write(tmp_path / "a.ckpt", {"epoch": 3, "optimizer": moments, "state_dict": state})


def test_a_trainers_file_becomes_a_model(trainers_file, tensors, tmp_path, run):
    folder = tmp_path / "model"
    arguments = (str(trainers_file), "--rates", "24000,48000", "-o", str(folder))
    done = run("-m", "tfsr.convert", *arguments)
    assert done.returncode == 0, done.stderr
    assert "NU-Wave, 24000 to 48000 Hz" in done.stdout and "licence" in done.stdout
    assert "passed over" not in done.stdout
    model = tfsr.load(folder)
    assert "maum-ai/nuwave" in model.card.description
    low = np.random.default_rng(0).normal(0, 0.1, 300).astype(np.float32)
    expected = tfsr.load(nuwave.converted(tensors, RATES).upsampler).upsample(low, rate=24000)
    np.testing.assert_allclose(model.upsample(low, rate=24000), expected, atol=1e-6)


def test_rates_are_asked_for_where_weights_do_not_tell_them(trainers_file):
    with pytest.raises(UserError, match=f"^{trainers_file}: rates: .*--rates 24000,48000"):
        convert(trainers_file)


def test_another_systems_weights_are_named(write, tmp_path):
    path = write(tmp_path / "b.pt", {"encoder.weight": np.zeros(3, np.float32)})
    with pytest.raises(UserError, match="none of NU-Wave, .*, VoiceFixer, but encoder.weight"):
        convert(path)


@pytest.mark.parametrize("rates", ["48000", "24000,48k", "-1,2", "24000,48000,3"])
def test_rates_that_are_none_are_told(run, rates):
    done = run("-m", "tfsr.convert", "a.ckpt", f"--rates={rates}", "-o", "model")
    assert done.returncode == 2 and f"--rates is '{rates}'" in done.stderr
