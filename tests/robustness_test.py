"""The command with files as they come: damaged, odd, and where nothing can be written."""

import json

import numpy as np
import pytest
import soundfile

from tfsr import audio_file

# Many files in one process, which would take seconds to start for each, and one graph for all of
# them. Interpolation is cheap, so that what is tested is reading. A crash, or a minute of work on
# one file, ends the process.
WORKER = """
import json, os, resource, signal, sys, types
from pathlib import Path
from tfsr.upsamplers.interpolation import Interpolation
model = types.SimpleNamespace(backend=Interpolation(8000, 16000))
sys.modules["tfsr.loading"] = types.SimpleNamespace(load=lambda *_, **__: model)
import importlib
from tfsr import command
folder, *more = sys.argv[1:]
said = os.open(folder + ".said", os.O_RDWR | os.O_CREAT)
for number in (1, 2):
    os.dup2(said, number)
sys.stderr = os.fdopen(2, "w", closefd=False)
results = {}
for source in sorted(Path(folder).iterdir()):
    os.ftruncate(said, 0)
    os.lseek(said, 0, 0)
    Path(folder + ".now").write_text(source.name)
    signal.setitimer(signal.ITIMER_PROF, 60)
    sys.argv = ["tfsr", str(source), "-o", folder + ".out/" + source.name + ".wav", *more]
    try:
        command.run(importlib.import_module("tfsr.upsample").main)
        code = 0
    except SystemExit as end:
        code = end.code
    sys.stdout.flush(), sys.stderr.flush()
    results[source.name] = code, os.pread(said, 10_000, 0).decode()
signal.setitimer(signal.ITIMER_PROF, 0)
results["kilobytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Path(folder + ".json").write_text(json.dumps(results))
"""

BASES = {
    **{"pcm.wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "ulaw.wav": ("WAV", "ULAW")},
    **{"x.wav": ("WAVEX", "PCM_24"), "pcm.flac": ("FLAC", "PCM_16"), "low.ogg": ("OGG", "VORBIS")},
    **{"low.mp3": ("MP3", "MPEG_LAYER_III"), "low.opus": ("OGG", "OPUS")},
    "low.m4a": ("MP4", "AAC"),
}
NUMBERS = [0, 1, 2, 255, 1025, 65_535, 2**24, 2**31, 2**31 - 1, 2**32 - 1, 2**32 - 9]


@pytest.fixture
def upsample_all(start, tmp_path):
    """Runs the command on each file of a folder: file name -> exit code and all it says."""

    def upsample_all(folder, *arguments) -> dict[str, tuple[int, str]]:
        ended = start("-c", WORKER, folder, "--run_dir", "any", *arguments).wait()
        now = folder.with_name(f"{folder.name}.now").read_text()
        assert ended.returncode == 0, f"{now}: {ended}"
        results = json.loads(folder.with_name(f"{folder.name}.json").read_text())
        assert results.pop("kilobytes") < 2**20
        return results

    return upsample_all


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """With one to four places changed, most of them in the header."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        place = int(random.integers(len(changed) if random.random() < 0.3 else 64))
        kind = random.integers(6)
        if kind < 2:
            changed[place] ^= 1 << random.integers(8)
        elif kind < 4:
            size = int(random.choice([2, 4]))
            number = int(random.choice(NUMBERS)) % 2 ** (8 * size)
            place = place // 2 * 2
            changed[place : place + size] = number.to_bytes(size, random.choice(["little", "big"]))
        elif kind == 4:
            changed = changed[: max(place, 1)] if random.random() < 0.5 else changed[:-place]
        else:
            changed[place:place] = changed[place : place + int(random.integers(1, 300))]
        changed = changed or bytearray(b"R")
        changed = changed + bytes(max(64 - len(changed), 0))
    return bytes(changed)


# Seed 1 has recordings that can be opened and break off too, which seed 0 has not.
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in (0, 2, 3))])
def test_damaged_files_end_in_one_line(upsample_all, tmp_path, seed):
    random = np.random.default_rng(seed)
    (tmp_path / "in").mkdir()
    for name, (container, subtype) in BASES.items():
        sound = random.normal(0, 0.1, [1500, 2])
        if container == "MP4":
            audio_file.write(tmp_path / name, sound, 8000)
        else:
            soundfile.write(tmp_path / name, sound, 8000, subtype, format=container)
        data = (tmp_path / name).read_bytes()
        for number in range(500 // len(BASES) + 1):
            (tmp_path / "in" / f"{number:03d}{name}").write_bytes(mutated(data, random))
    results = upsample_all(tmp_path / "in")
    assert len(results) >= 500
    for name, (code, said) in results.items():
        lines = said.splitlines()
        if code == 2:
            assert len(lines) == 1 and lines[0].startswith("tfsr: "), (name, said)
        else:
            assert code == 0 and len(lines) <= 6 and " -> " in lines[-1], (name, said)
            assert all(name in line for line in lines), (name, said)
    written = {path.name.removesuffix(".wav") for path in (tmp_path / "in.out").iterdir()}
    assert written == {name for name, (code, _) in results.items() if code == 0}
    assert 0.1 < len(written) / len(results) < 0.9


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
