"""export/mobile/stream.py, in a process that cannot import tfsr."""

from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras

from tfsr import audio_file
from tfsr.export.tflite import export_tflite
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.spectral import Spectral

STREAM = Path(__file__).parents[2] / "export" / "mobile" / "stream.py"
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
