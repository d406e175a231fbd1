"""The command with odd files; damaged ones are in tools/torture_test.py."""

import json

import numpy as np
import pytest
import soundfile

from tfsr import audio_file

WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, "tools")
import torture
torture.upsample_each(Path(sys.argv[1]))
"""


@pytest.fixture
def upsample_all(start):
    """Runs the command on each file of a folder: file name -> exit code and all it says."""

    def upsample_all(folder) -> dict[str, tuple[int, str]]:
        ended = start("-c", WORKER, folder).wait()
        now = folder.with_name(f"{folder.name}.now").read_text()
        assert ended.returncode == 0, f"{now}: {ended}"
        results = json.loads(folder.with_name(f"{folder.name}.json").read_text())
        assert results.pop("megabytes") < 1024
        return results

    return upsample_all


def odd_files(folder) -> dict[str, int]:
    """Writes recordings of every kind that is still one, name -> rate, and two that are none."""
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.1, [9001, 1])
    beyond = noise.copy()
    beyond[5000] = np.nan
    kinds = {
        **{"one.wav": (noise[:1], 8000, "PCM_16"), "old.wav": (noise, 7350, "PCM_U8")},
        **{"fast.wav": (noise, 192_000, "PCM_24"), "ulaw.wav": (noise, 8000, "ULAW")},
        **{"double.wav": (noise, 44_100, "DOUBLE"), "clipped.wav": (np.sign(noise), 11_025, "")},
        **{"six.flac": (np.tile(noise, 6), 8000, ""), "many.wav": (np.tile(noise, 40), 8000, "")},
        **{"direct.wav": (0.7 + 0 * noise, 16_000, ""), "none.wav": (0 * noise, 8000, "")},
        **{"nan.wav": (beyond, 8000, "FLOAT"), "inf.wav": (beyond * np.inf, 8000, "FLOAT")},
    }
    folder.mkdir()
    for name, (sound, rate, subtype) in kinds.items():
        soundfile.write(folder / name, sound, rate, subtype or None)
    return {name: rate for name, (_, rate, _) in kinds.items()}


def test_odd_files(upsample_all, tmp_path):
    rates = odd_files(tmp_path / "in")
    results = upsample_all(tmp_path / "in")
    for name in ("nan.wav", "inf.wav"):
        code, said = results.pop(name)
        assert code == 2 and said.count("\n") == 1 and "NaN or infinite" in said
    for name, (code, said) in results.items():
        assert code == 0, said
        given, made = audio_file.info(tmp_path / "in" / name), tmp_path / "in.out" / f"{name}.wav"
        audio, rate = audio_file.read(made)
        assert rate == 16_000 and np.all(np.isfinite(audio))
        assert audio.shape == (-(-given.samples * rate // rates[name]), given.channels)
