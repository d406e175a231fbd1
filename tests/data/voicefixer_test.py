"""The parts of configurations that say what VoiceFixer is trained to restore speech from."""

from pathlib import Path

import gin
import numpy as np
import pytest

from tfsr import audio_file, gin_config
from tfsr.degradation.effects import AnyLowPass, Clip, SecondOrder
from tfsr.degradation.room import Room
from tfsr.errors import UserError

RATE = 44100
EXPECTED = {
    "general": (((0.3, SecondOrder), (0.2, Clip), (0.3, Room)), AnyLowPass(), True),
    "super_resolution": ((), AnyLowPass(), False),
    "denoising": ((), None, True),
    "declipping": (((1.0, Clip),), None, False),
    "dereverberation": (((1.0, Room),), None, False),
}


@pytest.fixture
def build(tmp_path):
    """A function that builds the data of a preset, with some noise and a room."""
    hiss = np.random.default_rng(0).normal(0, 0.1, [RATE, 1]).astype(np.float32)
    audio_file.write(tmp_path / "noise" / "a.wav", hiss, RATE)
    audio_file.write(tmp_path / "rooms" / "a.wav", hiss[:500], RATE)

    def build(preset: str, *more: str):
        folders = {"NOISE": tmp_path / "noise", "ROOMS": tmp_path / "rooms"}
        files = ["configs/linear.gin", f"configs/data/voicefixer_{preset}.gin", *more]
        named = (tmp_path / "folders.gin").write_text
        named("".join(f"{name} = {str(folder)!r}\n" for name, folder in folders.items()))
        return gin_config.experiment([*files, str(tmp_path / "folders.gin")], []).data

    yield build
    gin.clear_config()


@pytest.mark.parametrize("preset", EXPECTED)
def test_presets_are_what_their_names_say(build, preset):
    data = build(preset)
    damage = data.degradation
    before = [
        (getattr(effect, "probability", 1.0), type(getattr(effect, "degradation", effect)))
        for effect in damage.before
    ]
    assert (tuple(before), damage.low_pass, damage.noise is not None) == EXPECTED[preset]
    assert (data.input_rate, data.output_rate, data.patch, data.batch) == (RATE, RATE, 132300, 24)
    assert damage.noise_last and not damage.after

    speech = np.random.default_rng(1).uniform(-0.5, 0.5, 4000)
    for seed in range(6):
        low, high = damage.pair(speech, RATE, RATE, np.random.default_rng(seed))
        assert low.shape == high.shape == (4000,)
        assert np.abs(low - high).max() > 1e-3


def test_what_tests_are_made_of_has_the_order_of_the_paper(build):
    damage = build("general", "configs/data/hifi_res.gin").degradation
    (room,), (clip,) = damage.before, damage.after
    assert (type(room.degradation), type(clip.degradation)) == (Room, Clip)
    assert (room.degradation.part, damage.noise.split) == ("test", "test")
    assert damage.low_pass == AnyLowPass() and not damage.noise_last


def test_batches_come_of_it(build):
    data = build("general")
    (batch,) = data.batches(0, 1)
    assert batch["low"].shape == batch["high"].shape == (24, 132300)
    assert batch["high"].dtype == np.float32


def test_what_is_missing_is_told_before_the_first_batch(build):
    data = build("general")
    Path(data.degradation.before[2].degradation.folder, "a.wav").unlink()
    with pytest.raises(UserError, match="Room.folder.*tfsr rooms"):
        data.batches(0, 1)
