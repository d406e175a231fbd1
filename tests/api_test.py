"""The package as people use it in Python."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import tfsr
from tfsr import audio_file
from tfsr.backend import Backend, Stage
from tfsr.errors import UserError

PRESET = "speech-16k-x2"


@pytest.fixture(scope="module")
def call() -> np.ndarray:
    """Half a second of noise."""
    return np.random.default_rng(0).normal(0, 0.1, 4000)


def test_the_front_door_shows_itself_alone():
    assert dir(tfsr) == sorted([*tfsr.__all__, "__version__"])
    assert all(getattr(tfsr, name).__doc__ for name in tfsr.__all__)


@pytest.mark.parametrize("name", ["upsample", "restore", "evaluate", "compare"])
def test_a_command_of_the_same_name_does_not_hide_a_function(name):
    code = (
        f"import importlib, tfsr; module = importlib.import_module('tfsr.{name}'); "
        f"print(callable(module.main), tfsr.{name}.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True tfsr.api\n"


def test_other_names_are_told():
    with pytest.raises(AttributeError, match="no attribute 'upsampel'"):
        tfsr.upsampel  # noqa: B018


def test_memory_and_disk_give_the_same(call, tmp_path):
    soundfile.write(tmp_path / "call.wav", call, 8000, "FLOAT")
    record = tfsr.upsample_file(tmp_path / "call.wav", tmp_path / "wide.wav")
    wide, rate = tfsr.upsample(call, 8000)
    written, written_rate = audio_file.read(tmp_path / "wide.wav")
    assert rate == written_rate == record.output_rate == 16000
    np.testing.assert_allclose(wide, written[:, 0], rtol=0, atol=1e-6)


class Halved(Backend):
    """Restores by half the level."""

    input_rate = output_rate = 16000
    ratio, receptive_field, restores = 1, 0, True
    stages = (Stage(lambda: None),)

    def run_condition(self, low):
        return low

    def run_stage(self, stage, signal, condition, part, noise=()):
        return condition[:, part.begin : part.end] / 2


HALVED = tfsr.Model("halved", backend=Halved)


@pytest.mark.parametrize("strength, level", [(0, 1.0), (0.5, 0.75), (1, 0.5)])
def test_restoration_in_memory_and_on_disk(call, tmp_path, strength, level):
    clean, rate = tfsr.restore(call, 16000, HALVED, strength=strength)
    assert (clean.shape, clean.dtype, rate) == (call.shape, np.float32, 16000)
    np.testing.assert_allclose(clean, level * call, rtol=0, atol=1e-6)
    soundfile.write(tmp_path / "call.wav", call, 16000, "FLOAT")
    how = {"strength": strength, "model": HALVED}
    record = tfsr.restore_file(tmp_path / "call.wav", tmp_path / "clean.wav", **how)
    written, _ = audio_file.read(tmp_path / "clean.wav")
    np.testing.assert_allclose(written[:, 0], clean, rtol=0, atol=1e-6)
    assert record.clipped == 0 and record.noise_db == pytest.approx(-20, abs=1)


class Gate(Halved):
    """Lets pass what is above -60 dB of full scale."""

    def run_stage(self, stage, signal, condition, part, noise=()):
        low = condition[:, part.begin : part.end]
        return np.where(np.abs(low) > 0.001, low, 0)


@pytest.mark.parametrize("levels", [(1, 1e-3), (1e-4, 1)])
def test_restoration_hears_quiet_channels_louder_and_keeps_their_level(call, levels):
    audio = call[:, np.newaxis] * levels
    clean, _ = tfsr.restore(audio, 16000, tfsr.Model("gate", backend=Gate))
    left = np.sum(np.square(clean), axis=0) / np.sum(np.square(audio), axis=0)
    np.testing.assert_allclose(left, 1, rtol=0, atol=0.01)


class Doubled(Halved):
    """Restores by twice the level."""

    def run_stage(self, stage, signal, condition, part, noise=()):
        return 2 * condition[:, part.begin : part.end]


@pytest.mark.parametrize("declip", [True, False])
def test_what_replaces_clipped_samples_is_not_clipped_again(call, tmp_path, declip):
    soundfile.write(tmp_path / "call.wav", np.clip(9 * call, -1, 1), 16000)
    model = tfsr.Model("doubled", backend=Doubled)
    record = tfsr.restore_file(tmp_path / "call.wav", tmp_path / "clean.wav", model, declip=declip)
    assert record.clipped_samples == 0 and record.lowered_db > 5.9


def test_restoration_keeps_a_high_rate_on_disk(call, tmp_path):
    soundfile.write(tmp_path / "call.wav", call, 44100)
    record = tfsr.restore_file(tmp_path / "call.wav", model=HALVED)
    assert (record.input_rate, record.output_rate) == (16000, 44100)
    assert record.target == str(tmp_path / "call.tfsr.wav")
    low = tfsr.restore_file(tmp_path / "call.wav", tmp_path / "low.wav", HALVED, rate=None)
    assert low.output_rate == 16000


@pytest.mark.parametrize(
    "how, said",
    [
        ({"strength": 1.5}, "^`strength`: 1.5 does not fit; give a share, 0 to 1"),
        ({"strength": "all"}, "^`strength`: 'all'"),
        ({"only": "clipping"}, "^model: is not used here"),
        ({"only": "noise"}, "^only: is 'noise'; give 'clipping'"),
        ({"only": "clipping", "declip": False}, "^declip: False leaves nothing to do"),
        ({"model": PRESET}, f"^{PRESET}: only widens the band and restores nothing"),
    ],
)
def test_mistakes_of_restoration(call, how, said):
    with pytest.raises(UserError, match=said):
        tfsr.restore(call, 8000, **{"model": HALVED, **how})


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_as_long_as_the_audio(call, rate, channels):
    audio = np.tile(call[:, np.newaxis], channels)
    wide, made_rate = tfsr.upsample(audio, rate, PRESET)
    assert wide.dtype == np.float32 and made_rate == 16000
    assert wide.shape == (-(-len(audio) * 16000 // rate), channels)


def test_types_are_taken_for_what_they_are(call):
    whole = np.round(call * 2**15)
    one, two = (tfsr.upsample(x, 8000, PRESET)[0] for x in (whole.astype(np.int16), whole / 2**15))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one).max() < 2


def test_the_low_band_is_kept(call):
    kept, _ = tfsr.upsample(call, 16000, PRESET, bandwidth=2000)
    left, _ = tfsr.upsample(call, 16000, PRESET, bandwidth=2000, keep_low_band=False)
    assert np.abs(kept - left).max() > 1e-3


def test_a_model_is_a_name_or_itself(call):
    model = tfsr.load(PRESET)
    assert tfsr.load(model) is model
    np.testing.assert_array_equal(
        tfsr.upsample(call, 8000, model)[0], tfsr.upsample(call, 8000, PRESET)[0]
    )
    np.testing.assert_array_equal(model.upsample(call), model.upsample(call, rate=8000))


def test_what_has_its_band_already_is_refused_by_parameter():
    full = np.random.default_rng(1).normal(0, 0.1, 96_000)
    with pytest.raises(UserError, match="^audio: .*`bandwidth`, or a `model`"):
        tfsr.upsample(full, 48000)


@pytest.mark.parametrize("what", ["speach", "missing/folder", "none.tflite", __file__])
def test_what_is_no_model_is_told_in_one_line(what):
    with pytest.raises(UserError) as told:
        tfsr.load(what)
    assert what in str(told.value) and "\n" not in str(told.value)


def test_a_folder_is_no_file(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    with pytest.raises(UserError, match="is a folder; give one file"):
        tfsr.upsample_file(tmp_path, tmp_path / "out")


def test_a_record_tells_what_was_done(call, tmp_path):
    soundfile.write(tmp_path / "call.wav", call, 8000)
    record = tfsr.upsample_file(tmp_path / "call.wav", model=PRESET)
    assert record.target == str(tmp_path / "call.tfsr.wav") and record.system == PRESET
    assert dataclasses.asdict(record)["error"] is None


def test_import_takes_nothing_heavy():
    code = "import sys, tfsr; print([name for name in sys.modules if '.' not in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "scipy", "tensorflow", "av"} & set(eval(done.stdout))


@pytest.mark.parametrize(
    "how, said",
    [
        ({"bandwidth": -1}, "`bandwidth`: -1 does not fit; give Hz, from 300 on"),
        ({"bandwidth": float("nan")}, "`bandwidth`: nan"),
        ({"bandwidth": "4000"}, "`bandwidth`: '4000'"),
        ({"seed": 1.5}, "`seed`: 1.5"),
        ({"rate": True}, "`rate`: True"),
        ({"rate": 10**9}, "`rate`: .* 1000 to 1e\\+06"),
        ({"rate": "keepx"}, "`rate`: 'keepx'"),
        ({"subtype": "nope"}, "WAV holds no nope, but one of"),
        ({"target": ""}, "`target`: '' is no path"),
        ({"target": "wide.xyz"}, "wide.xyz: cannot be written, the extension must be"),
        ({"source": 5}, "`source`: 5 is no path"),
        ({"source": "a\0b.wav"}, "`source`: 'a\\\\x00b.wav' is no path"),
        ({"model": 5}, "`model`: 5 is no path"),
        ({"model": "x" * 300}, "no such folder"),
        ({"source": "x" * 300 + ".wav"}, "no such file or folder"),
        ({"target": "x" * 300 + ".wav"}, "cannot be written .File name too long"),
    ],
)
def test_arguments_of_files_are_checked(call, tmp_path, monkeypatch, how, said):
    monkeypatch.chdir(tmp_path)
    soundfile.write("call.wav", call, 8000)
    with pytest.raises(UserError, match=said):
        tfsr.upsample_file(**{"source": "call.wav", "target": "wide.wav"} | how)
    assert [path.name for path in tmp_path.iterdir()] == ["call.wav"]


@pytest.mark.parametrize("rate", [0, -8000, 8000.5, True, "8000", 10**10, 1, float("nan")])
def test_rates_are_checked(call, rate):
    with pytest.raises(UserError, match="^`rate`: "):
        tfsr.upsample(call, rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_silence_stays_silent(rate):
    wide, made_rate = tfsr.upsample(np.zeros(2000), rate)
    assert not wide.any() and made_rate >= rate


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"outs": "a.wav"}, "`outs`: give a list"),
        ({"outs": []}, "`outs`: give a list"),
        ({"cutoff": -1}, "`cutoff`: -1"),
        ({"original": None}, "`original`: None"),
    ],
)
def test_arguments_of_comparisons_are_checked(arguments, said):
    files = {"original": "a.wav", "low": "b.wav", "outs": ["c.wav"]}
    with pytest.raises(UserError, match=said):
        tfsr.compare(**files | arguments)
