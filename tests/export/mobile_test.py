"""export/mobile: stream.py, in a process that cannot import tfsr, and stream.cc, compiled."""

import importlib.metadata
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tf_keras as keras

from tfsr import audio_file, presets
from tfsr.export.tflite import export_tflite
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.spectral import Spectral

MOBILE = Path(__file__).parents[2] / "export" / "mobile"
STREAM = MOBILE / "stream.py"
PRESET = presets.folder() / "telephony-8k-16k"
WITHOUT_TFSR = f"""
import runpy, sys
sys.modules["tfsr"] = None
runpy.run_path({str(STREAM)!r}, run_name="__main__")
"""


@pytest.fixture(scope="module")
def upsampler() -> Spectral:
    keras.utils.set_random_seed(1)

    def network(outputs: int) -> UpperBins:
        return UpperBins(outputs, channels=8, blocks=1, causal=True)

    codec = FrameCodec(512, 160, asymmetric=True)
    upsampler = Spectral(network, 8000, 16000, {}, codec)
    upsampler.initialize()
    return upsampler


@pytest.fixture(scope="module")
def model(upsampler, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("phone") / "call.tflite"
    export_tflite(upsampler, path, streaming=True)
    return path


def save_call(path: Path, samples: int, rate: int = 8000) -> np.ndarray:
    low = np.random.default_rng(0).normal(0, 0.1, [samples, 1]).astype(np.float32)
    audio_file.write(path, low, rate)
    return audio_file.read(path)[0][:, 0]


MISTAKES = {
    "another rate": ("call.tflite", "wide.wav", "wide.wav: is (16000, 1, 16)"),
    "a text": ("call.tflite", "letter.txt", "letter.txt: is no WAV file"),
    "a header alone": ("call.tflite", "header.wav", "header.wav: holds no samples"),
    "no call": ("call.tflite", "absent.wav", "absent.wav: cannot be read (No such file"),
    "no model": ("absent.tflite", "call.wav", "absent.tflite: cannot be read (No such file"),
    "another model": ("other.tflite", "call.wav", "other.tflite: no TensorFlow Lite file"),
    "cut": ("cut.tflite", "call.wav", "cut.tflite: is not as it was exported"),
    "a changed bit": ("changed.tflite", "call.wav", "changed.tflite: is not as it was exported"),
    "whole recordings": (PRESET / "model.tflite", "call.wav", "model.tflite: wants whole"),
    "many streams": (PRESET / "streams.tflite", "call.wav", "streams.tflite: is for many streams"),
}


@pytest.fixture(params=MISTAKES)
def mistake(request, model, tmp_path) -> tuple[Path, Path, str]:
    """A model, a call, one of which is wrong, and what is told."""
    save_call(tmp_path / "call.wav", 100)
    save_call(tmp_path / "wide.wav", 100, rate=16000)
    (tmp_path / "letter.txt").write_text("Dear all")
    (tmp_path / "header.wav").write_bytes((tmp_path / "call.wav").read_bytes()[:20])
    content = model.read_bytes()
    place = len(content) // 2
    (tmp_path / "call.tflite").write_bytes(content)
    (tmp_path / "other.tflite").write_bytes(b"TFL3")
    (tmp_path / "cut.tflite").write_bytes(content[:place])
    changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    (tmp_path / "changed.tflite").write_bytes(changed)
    of_model, call, message = MISTAKES[request.param]
    return tmp_path / of_model, tmp_path / call, message


@pytest.mark.parametrize("samples", [1, 160, 4321])
def test_what_comes_out_is_the_whole_in_place(run, upsampler, model, tmp_path, samples):
    low = save_call(tmp_path / "call.wav", samples)
    done = run("-c", WITHOUT_TFSR, model, tmp_path / "call.wav", tmp_path / "wide.wav")
    assert done.returncode == 0, done.stderr
    assert "latency 20 ms" in done.stderr and "frames of 10 ms: p50" in done.stderr
    high, rate = audio_file.read(tmp_path / "wide.wav")
    assert rate == 16000 and high.shape == (2 * samples, 1)
    np.testing.assert_allclose(high[:, 0], upsampler.upsample(low[np.newaxis])[0], atol=1 / 32768)


def test_mistakes_are_one_line(run, mistake, tmp_path):
    model, call, message = mistake
    done = run("-c", WITHOUT_TFSR, model, call, tmp_path / "out.wav")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out.wav").exists()


def test_a_full_disk_leaves_the_older_file(model, tmp_path):
    assert_older_stays([sys.executable, "-c", WITHOUT_TFSR], model, tmp_path)


def assert_older_stays(program: list, model: Path, folder: Path) -> None:
    """And nothing beside it, where no file may have more than some hundred bytes."""
    save_call(folder / "call.wav", 4321)
    (folder / "wide.wav").write_text("older")
    full_disk = ["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]
    done = run_compiled(*full_disk, *program, model, folder / "call.wav", folder / "wide.wav")
    assert done.returncode == 2, done.stderr
    assert "wide.wav: cannot be written (File too large)" in done.stderr.splitlines()[-1]
    assert (folder / "wide.wav").read_text() == "older"
    assert {path.name for path in folder.iterdir()} == {"call.wav", "wide.wav"}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """stream.cc as a program."""
    missing = [name for name in ("cmake", "c++") if not shutil.which(name)]
    if missing:
        pytest.skip(f"stream.cc cannot be compiled: apt-get install cmake g++ ({missing[0]})")
    litert = importlib.metadata.version("ai-edge-litert")
    if tuple(map(int, litert.split(".")[:2])) < (2, 2):
        pytest.skip(f"stream.cc is for LiteRT 2.2 and newer, not {litert}")
    build = tmp_path_factory.mktemp("build")
    for arguments in (
        ["-S", MOBILE, "-B", build, f"-DPython3_EXECUTABLE={sys.executable}"],
        ["--build", build],
    ):
        done = run_compiled("cmake", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "stream"


def run_compiled(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True)


@pytest.mark.parametrize("samples", [1, 160, 20321])
def test_in_cpp_it_is_the_same_to_the_bit(run, compiled, model, tmp_path, samples):
    save_call(tmp_path / "call.wav", samples)
    done = run("-c", WITHOUT_TFSR, model, tmp_path / "call.wav", tmp_path / "python.wav")
    assert done.returncode == 0, done.stderr
    done = run_compiled(compiled, model, tmp_path / "call.wav", tmp_path / "cpp.wav")
    assert done.returncode == 0, done.stderr
    print(done.stderr.splitlines()[-1])
    assert "latency 20 ms" in done.stderr and "frames of 10 ms: p50" in done.stderr
    assert (tmp_path / "cpp.wav").read_bytes() == (tmp_path / "python.wav").read_bytes()


@pytest.mark.parametrize("size", [0, 2 * 4321 - 1, 0x7FFFF000])
def test_sizes_that_pipes_leave_are_passed_over(run, compiled, model, tmp_path, size):
    """And half a sample, where a call broke off."""
    save_call(tmp_path / "call.wav", 4321)
    call = bytearray((tmp_path / "call.wav").read_bytes())
    struct.pack_into("<I", call, call.index(b"data") + 4, size)
    (tmp_path / "call.wav").write_bytes(call + bytes(1))
    for program in (run_compiled, compiled), (run, "-c", WITHOUT_TFSR):
        start, *arguments = program
        done = start(*arguments, model, tmp_path / "call.wav", tmp_path / "wide.wav")
        assert done.returncode == 0, done.stderr
        assert soundfile.info(tmp_path / "wide.wav").frames == 2 * (4320 if size % 2 else 4321)


def test_in_cpp_mistakes_are_told(compiled, mistake, tmp_path):
    model, call, message = mistake
    done = run_compiled(compiled, model, call, tmp_path / "out.wav")
    told = message.replace("is (16000, 1, 16)", "is not 16 bits, mono, at 8000 Hz")
    assert done.returncode == 2 and told in done.stderr.splitlines()[-1], done.stderr
    assert not (tmp_path / "out.wav").exists()


def test_in_cpp_a_full_disk_leaves_the_older_file(compiled, model, tmp_path):
    assert_older_stays([compiled], model, tmp_path)


def test_in_cpp_a_device_stays_one(compiled, model, tmp_path):
    save_call(tmp_path / "call.wav", 100)
    (tmp_path / "device.wav").symlink_to("/dev/null")
    done = run_compiled(compiled, model, tmp_path / "call.wav", tmp_path / "device.wav")
    assert done.returncode == 2 and "is a folder, a device or a pipe" in done.stderr
    assert (tmp_path / "device.wav").is_char_device()


@pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind: apt-get install valgrind")
def test_in_cpp_nothing_is_lost(compiled, model, tmp_path):
    save_call(tmp_path / "call.wav", 2000)
    # What LiteRT keeps until the process ends is still reachable, and no error.
    kinds = "--errors-for-leak-kinds=definite,indirect,possible"
    check = ["valgrind", "--leak-check=full", kinds, "--error-exitcode=9"]
    files = [model, tmp_path / "call.wav", tmp_path / "wide.wav"]
    done = run_compiled(*check, compiled, *files)
    assert done.returncode == 0, done.stderr
