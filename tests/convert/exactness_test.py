"""Small files of every system: converted, saved, opened and exported, they give the same."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import tfsr
from tfsr.convert.conversion import convert
from tfsr.export.quantization import QUANTIZATIONS
from tfsr.export.saved_model import save
from tfsr.export.tflite import quantized, signatures
from tfsr.lite.interpreter import WholeRecordings
from tfsr.upsamplers.base import Upsampler

SAMPLES = 1203  # a multiple of no hop
# Of signal over what int8 adds to it. Only tensors of more than 1,024 elements are narrowed, of
# which each of these systems has some.
LEAST_SNR = 25.0
NARROW_RESUNET = {"channels": (12,)}
VOCODER = "vocoder.pt"


class Case(NamedTuple):
    """The file of a system, and what else `convert` is given."""

    file: str
    sizes: dict
    content: str
    vocoder: bool = False
    rates: tuple[int, int] | None = None


CASES = {
    "nuwave": Case(
        "nuwave_x2.ckpt", {"channels": 4, "blocks": 1, "waves": 16, "embedding": 40}, "of_nuwave"
    ),
    # Of one rate: phases of an empty band are rounding, which differs in TensorFlow Lite.
    "apbwe": Case("g", {"bins": 257, "channels": 8, "blocks": 1}, "of_apbwe", rates=(48000, 48000)),
    "wsrglow": Case(
        "wsrglow.ckpt",
        {
            **{"group": 8, "flows": 2, "early_every": 1, "layers": 2, "channels": 16},
            **{"waveform_embedding": 8, "phase_embedding": 4},
        },
        "of_wsrglow",
    ),
    "vocoder": Case(
        VOCODER,
        {"condition": 8, "channels": (8, 8, 4), "strides": (21, 21), "units": (1, 1)},
        "of_vocoder",
    ),
    "analysis": Case("trained.ckpt", NARROW_RESUNET, "of_analysis", vocoder=True),
    "release": Case("vf.ckpt", NARROW_RESUNET, "of_release", vocoder=True),
}

# One that draws noise; the exports of all systems are tested besides.
EXPORTED = [
    pytest.param(name, marks=() if name == "nuwave" else pytest.mark.long) for name in CASES
]


@pytest.fixture(scope="module")
def written(writing, tmp_path_factory) -> Callable[[str], Path]:
    """A function: the file of a case, written once."""
    folder = tmp_path_factory.mktemp("authors")
    path = Path(__file__).with_name("authors_files.py")
    spec = importlib.util.spec_from_file_location("authors_files", path)
    files = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(files)

    def written(name: str) -> Path:
        case = CASES[name]
        path = folder / case.file
        if not path.exists():
            writing.zip(path, getattr(files, case.content)(**case.sizes))
        return path

    return written


@pytest.fixture(scope="module", params=CASES)
def case(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def upsampler(case, written) -> Upsampler:
    vocoder = written("vocoder") if CASES[case].vocoder else None
    return convert(written(case), CASES[case].rates, vocoder)[1].upsampler


@pytest.fixture(scope="module")
def low() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, [1, SAMPLES]).astype(np.float32)


@pytest.fixture(scope="module")
def noise(upsampler) -> list[np.ndarray]:
    shape = [upsampler.noise_steps, 1, upsampler.ratio * SAMPLES]
    drawn = np.random.default_rng(1).standard_normal(shape, np.float32)
    return [drawn] if upsampler.noise_steps else []


@pytest.fixture(scope="module")
def expected(upsampler, low, noise) -> np.ndarray:
    return upsampler.serve(tf.constant(low), *noise).numpy()


def test_a_saved_model_opens_and_upsamples_the_same(upsampler, low, noise, expected, tmp_path):
    upsampler.save(tmp_path / "model")
    opened = tfsr.load(tmp_path / "model")
    assert opened.card == upsampler.card
    again = opened.upsampler.serve(tf.constant(low), *noise)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(again, expected, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("case", EXPORTED, indirect=True, scope="module")
def test_exported_it_gives_the_same(case, upsampler, low, noise, expected, tmp_path):
    phone = tmp_path / "phone"
    save(signatures(upsampler), phone)
    module = tf.saved_model.load(str(phone))
    inputs = dict(zip(("audio", "noise"), (low, *noise), strict=False))
    inputs = {name: tf.constant(value) for name, value in inputs.items()}
    made = module.signatures["serving_default"](**inputs)["audio"]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-4 * scale)
    if case == "release":  # TensorFlow Lite has no GRU, see tests/export/tflite_test.py
        return
    files = {"float32": quantized(phone), "int8": quantized(phone, QUANTIZATIONS["int8"])}
    for kind, model in files.items():
        path = tmp_path / kind
        path.write_bytes(model)
        error = WholeRecordings(path)(low, *noise) - expected
        assert kind == "int8" or np.abs(error).max() < 1e-4 * scale
        assert 10 * np.log10(np.mean(expected**2) / np.mean(error**2)) > LEAST_SNR
