"""export/mobile: stream.py, in a process that cannot import tfsr, and stream.cc, compiled."""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras

from tfsr import audio_file, presets
from tfsr.export.tflite import export_tflite
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.spectral import Spectral

MOBILE = Path(__file__).parents[2] / "export" / "mobile"
STREAM = MOBILE / "stream.py"
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


@pytest.mark.parametrize("samples", [1, 160, 4321])
def test_what_comes_out_is_the_whole_in_place(run, upsampler, model, tmp_path, samples):
    low = save_call(tmp_path / "call.wav", samples)
    done = run("-c", WITHOUT_TFSR, model, tmp_path / "call.wav", tmp_path / "wide.wav")
    assert done.returncode == 0, done.stderr
    assert "latency 20 ms" in done.stderr and "frames of 10 ms: p50" in done.stderr
    high, rate = audio_file.read(tmp_path / "wide.wav")
    assert rate == 16000 and high.shape == (2 * samples, 1)
    np.testing.assert_allclose(high[:, 0], upsampler.upsample(low[np.newaxis])[0], atol=1 / 32768)


def test_mistakes_are_one_line(run, model, tmp_path):
    save_call(tmp_path / "wide.wav", 100, rate=16000)
    (tmp_path / "other.tflite").write_bytes(b"TFL3")
    changed = bytearray(model.read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "changed.tflite").write_bytes(changed)
    for path, message in [
        (model, "wide.wav: is (16000, 1, 16)"),
        (tmp_path / "other.tflite", "other.tflite: no TensorFlow Lite file"),
        (tmp_path / "changed.tflite", "changed.tflite: is not as it was exported"),
    ]:
        done = run("-c", WITHOUT_TFSR, path, tmp_path / "wide.wav", tmp_path / "out.wav")
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        assert message in done.stderr
        assert not (tmp_path / "out.wav").exists()


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


def test_in_cpp_mistakes_are_told(compiled, model, tmp_path):
    save_call(tmp_path / "call.wav", 100)
    save_call(tmp_path / "wide.wav", 100, rate=16000)
    (tmp_path / "letter.txt").write_text("Dear all")
    for path, call, message in [
        (model, "wide.wav", "is not 16 bits, mono, at 8000 Hz"),
        (model, "letter.txt", "is no WAV file"),
        (model, "absent.wav", "cannot be read"),
        (tmp_path / "letter.txt", "call.wav", "no TensorFlow Lite file"),
        (presets.folder() / "speech-16k-x2" / "model.tflite", "call.wav", "wants whole recordings"),
    ]:
        done = run_compiled(compiled, path, tmp_path / call, tmp_path / "out.wav")
        assert done.returncode == 2 and message in done.stderr.splitlines()[-1], done.stderr
        assert not (tmp_path / "out.wav").exists()


@pytest.mark.skipif(not shutil.which("valgrind"), reason="no valgrind: apt-get install valgrind")
def test_in_cpp_nothing_is_lost(compiled, model, tmp_path):
    save_call(tmp_path / "call.wav", 2000)
    # What LiteRT keeps until the process ends is still reachable, and no error.
    kinds = "--errors-for-leak-kinds=definite,indirect,possible"
    check = ["valgrind", "--leak-check=full", kinds, "--error-exitcode=9"]
    files = [model, tmp_path / "call.wav", tmp_path / "wide.wav"]
    done = run_compiled(*check, compiled, *files)
    assert done.returncode == 0, done.stderr
