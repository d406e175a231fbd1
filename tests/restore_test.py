"""The command, in processes of its own, with an upsampler that needs no run directory."""

import functools
import json

import numpy as np
import pytest
import soundfile

from tfsr import audio_file
from tfsr.data.bundled import Bundled

WITHOUT_PRESETS = """
import importlib, sys, types
from tfsr.backend import Backend, Stage
class Halved(Backend):
    input_rate = output_rate = 16000
    ratio, receptive_field, restores = 1, 0, True
    stages = [Stage(None)]
    def run_condition(self, low):
        return low
    def run_stage(self, stage, signal, condition, part, noise=()):
        return condition[:, part.begin : part.end] / 2
class Widened(Halved):
    restores = False
def load(what, *_):
    return types.SimpleNamespace(backend=Widened() if what == "widens" else Halved())
def get(name):
    suited_to = "restoration" if name == "restores" else ""
    return types.SimpleNamespace(
        name=name, suited_to=suited_to, output_rate=16000, bandwidth_hz=8000
    )
sys.modules["tfsr.loading"] = types.SimpleNamespace(load=load)
from tfsr import presets
presets.names, presets.get = lambda: ["restores", "widens"], get
from tfsr import command
command.run(importlib.import_module("tfsr.restore").main)
"""


@pytest.fixture
def restore(run):
    return functools.partial(run, "-c", WITHOUT_PRESETS)


@pytest.fixture
def tape(tmp_path):
    """A second and a half of clipped noise at 48 kHz, in stereo."""
    noise = np.random.default_rng(0).normal(0, 0.2, [72_000, 2])
    audio_file.write(tmp_path / "tape.wav", np.clip(noise, -0.3, 0.3).astype(np.float32), 48_000)
    return tmp_path / "tape.wav"


def test_a_recording_needs_no_more_than_its_name(restore, tape):
    manifest = tape.parent / "done.json"
    done = restore(tape, "--manifest", manifest)
    assert (done.returncode, done.stderr) == (0, "")
    target = tape.parent / "tape.tfsr.wav"
    found, *_, last = done.stdout.splitlines()
    assert found == f"{tape}: noise at -15 dB, 1.8 % clipped, speech up to 24.0 kHz"
    assert last == f"{tape} 48000 Hz -> {target} 48000 Hz (restores)"
    header = audio_file.info(target)
    assert (header.rate, header.channels, header.samples) == (48_000, 2, 72_000)
    (record,) = json.loads(manifest.read_text())["files"]
    assert record["clipped"] == pytest.approx(0.018, abs=0.001)
    assert record["noise_db"] == -15 and record["reverberation_s"] is None


def test_what_is_lost_above_the_band_of_the_model_is_told(restore, tape):
    done = restore(tape)
    target = tape.parent / "tape.tfsr.wav"
    assert f"{target}: nothing above 8.0 kHz, where restores ends" in done.stdout.splitlines()


@pytest.mark.parametrize("strength, factor", [(0, 1.0), (0.5, 0.75), (1, 0.5)])
def test_strength(restore, tmp_path, strength, factor):
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, [5000, 1]).astype(np.float32)
    audio_file.write(source, sound, 16_000, "FLOAT")
    done = restore(source, "-o", target, "--strength", str(strength))
    assert done.returncode == 0, done.stderr
    made, rate = soundfile.read(target, dtype="float32", always_2d=True)
    assert rate == 16_000
    np.testing.assert_allclose(made, factor * sound, rtol=0, atol=1e-6)


def test_a_dry_run_tells_what_was_found(restore, tape):
    done = restore(tape, "--dry_run")
    found, plan = done.stdout.splitlines()
    assert found == f"{tape}: noise at -15 dB, 1.8 % clipped, speech up to 24.0 kHz"
    assert plan.endswith(f"with restores -> {tape.parent / 'tape.tfsr.wav'}")
    assert not (tape.parent / "tape.tfsr.wav").exists()


def test_what_is_no_speech_has_no_band_of_speech(restore, tmp_path):
    source = tmp_path / "hiss.wav"
    hiss = np.random.default_rng(0).normal(0, 0.1, [64_000, 1])
    audio_file.write(source, hiss.astype(np.float32), 16_000)
    unlike, found, _ = restore(source).stdout.splitlines()
    assert "does not look like speech" in unlike
    assert found == f"{source}: noise at -21 dB, 0.0 % clipped, sound up to 8.0 kHz"


@pytest.mark.parametrize("declip", [True, False])
def test_clipped_samples_are_filled_if_wanted(restore, tmp_path, declip):
    """Speech that was beyond full scale: the restored file is made softer as a whole."""
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    speech = Bundled().recordings("test")[2].read(16_000)[:, np.newaxis]
    loud = 8 * speech / np.max(np.abs(speech))
    low = np.clip(loud, -1, 1)
    audio_file.write(source, low, 16_000)
    done = restore(source, "-o", target, *([] if declip else ["--nodeclip"]))
    assert done.returncode == 0, done.stderr
    made, _ = soundfile.read(target, always_2d=True)
    if declip:
        assert similarity(made, loud) > similarity(low, loud) + 0.05
        assert np.max(np.abs(made)) > 0.99
        assert "softer" in done.stdout
    else:
        np.testing.assert_allclose(made, low / 2, rtol=0, atol=1e-4)


@pytest.mark.parametrize("strength", [0, 0.5, 1])
def test_only_clipping(restore, tmp_path, strength):
    """Without a model, at the rate of the recording; samples that are not clipped stay."""
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    speech = Bundled().recordings("test")[2].read(48_000)[:, np.newaxis]
    low = np.clip(speech, -0.1, 0.1)
    audio_file.write(source, low, 48_000, "FLOAT")
    flags = ["--only", "clipping", "--strength", str(strength)]
    done = restore(source, "-o", target, *flags)
    assert done.returncode == 0, done.stderr
    assert f"{source} 48000 Hz -> {target} 48000 Hz (no model)" in done.stdout
    made, rate = soundfile.read(target, always_2d=True)
    assert rate == 48_000
    clipped = np.abs(low) >= 0.0999
    np.testing.assert_allclose(
        made[~clipped], low[~clipped], rtol=0, atol=1e-6 if strength in (0, 1) else 0.02
    )
    errors = [np.sum((x - speech) ** 2) for x in (made, low)]
    assert (
        errors[0] == pytest.approx(errors[1], rel=1e-3)
        if strength == 0
        else errors[0] < errors[1] / 2
    )


def similarity(a, b) -> float:
    return np.corrcoef(a[:, 0], b[:, 0])[0, 1]


@pytest.mark.parametrize(
    "flags, text",
    [
        (["--strength", "1.5"], "flag --strength=1.5"),
        (["--preset", "widens"], "or use upsample"),
        (
            ["--only", "clipping", "--preset", "restores"],
            "no model is used here; leave out restores",
        ),
        (["--only", "clipping", "--nodeclip"], "leave nothing to do"),
        (["--only", "hum"], "flag --only=hum"),
        (["--bandwidth", "4000"], "Unknown command line flag 'bandwidth'"),
        ([], "restore: give audio files or folders"),
    ],
)
def test_mistakes(restore, tape, flags, text):
    done = restore(*([tape, *flags] if flags else []))
    assert done.returncode == 2
    assert text in done.stderr.splitlines()[0]
    assert not (tape.parent / "tape.tfsr.wav").exists()
