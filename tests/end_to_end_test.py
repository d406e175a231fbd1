"""A user's way through the commands, on a run directory that a training has left."""

import json

import numpy as np
import pytest
import soundfile

SETTINGS = (
    *("CHANNELS = 8", "BLOCKS = 1", "PATCH = 4096", "BATCH = 2"),
    *("STEPS = 2", "CRITICS_START = 1", "spectral_losses.LogStft.fft_sizes = (256,)"),
    "critics.SpectrogramCritics.resolutions = ((256, 64),)",
)


@pytest.fixture(scope="module")
def tfsr(succeed):
    return lambda verb, *arguments: succeed("-m", f"tfsr.{verb}", *arguments)


@pytest.fixture(scope="module")
def run_dir(tfsr, recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tiny"
    flags = ["--gin=configs/quickstart.gin", f"--data={recordings}", f"--run_dir={folder}"]
    flags += [f"--gin_param={setting}" for setting in SETTINGS]
    assert "a step costs about" in tfsr("train", *flags)
    return folder


def test_training_ends_with_a_page(run_dir):
    page = (run_dir / "evaluation" / "tfsr" / "index.html").read_text()
    assert "LSD-high" in page and "<audio" in page and "data:image/png" in page


def test_narrow_recordings_are_trained_on_if_wanted(run, tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "low"
    folder.mkdir()
    soundfile.write(folder / "noise.wav", random.normal(0, 0.1, 8000), 8000)
    flags = ["--gin=configs/quickstart.gin", f"--data={folder}", "--noevaluate"]
    flags += [f"--run_dir={tmp_path / 'run'}", *(f"--gin_param={one}" for one in SETTINGS)]
    refused = run("-m", "tfsr.train", *flags)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].endswith("or keep them all with --nofull_band")
    assert run("-m", "tfsr.train", *flags, "--nofull_band").returncode == 0
    assert "Patches.full_band = False" in (tmp_path / "run" / "operative_config.gin").read_text()


def test_evaluate(tfsr, run_dir, tmp_path):
    scores = tmp_path / "scores.json"
    out = tfsr("evaluate", "--run_dir", run_dir, "--protocol", "kuleshov2017", "--json", scores)
    assert "kuleshov2017: 8000 -> 16000 Hz" in out and "SHA-256" in out
    means = json.loads(scores.read_text())["means"]
    assert set(means) == {"estimate", "spline", "linear", "sinc"}
    assert np.isfinite(list(means["estimate"].values())).all()


def test_upsample(tfsr, run_dir, tmp_path):
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "in.wav", random.normal(0, 0.1, [3001, 2]), 8000)
    tfsr("upsample", tmp_path / "in.wav", "-o", tmp_path / "out.wav", "--run_dir", run_dir)
    high, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == 16000 and high.shape == (6002, 2)


def test_export(tfsr, run_dir, tmp_path):
    common = ("export", "--run_dir", run_dir, "--format")
    assert "serving_default" in tfsr(*common, "saved_model", "--output", tmp_path / "1")
    assert (tmp_path / "1" / "saved_model.pb").exists()
    tfsr(*common, "tflite", "--output", tmp_path / "a.tflite")
    tfsr(*common, "tflite", "--output", tmp_path / "b.tflite", "--quantize=float16")
    assert (tmp_path / "b.tflite").stat().st_size < (tmp_path / "a.tflite").stat().st_size


def test_summarize(tfsr, run_dir):
    assert "8000 -> 16000 Hz" in tfsr("summarize", "--run_dir", run_dir)
