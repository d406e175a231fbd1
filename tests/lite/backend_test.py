"""Exported files make what Keras makes, whole and in chunks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr import seal
from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.lite import interpreter
from tfsr.lite.backend import LiteBackend
from tfsr.lite.file import read_properties
from tfsr.upsamplers.base import Upsampler

NAMES = (
    *("input_rate", "output_rate", "ratio", "noise_steps", "receptive_field", "condition_field"),
    *("hop", "context", "fade", "frame_rate", "latency_ms", "peaks", "restores", "chunk"),
)


class Cubed(Upsampler):
    """Levels matter, and samples repeat."""

    peaks = (0.5, 1.0)
    receptive_field = 0

    def upsample(self, low, noise=None):
        return tf.repeat(low**3, 2, axis=1)


class Drawing(Upsampler):
    noise_steps = 2
    receptive_field = 0

    def upsample(self, low, noise=None):
        return tf.repeat(low, 2, axis=1) * noise[0] + noise[1]


class Faded(Upsampler):
    """Knows the mean of all that it sees, which is as much as `context` says."""

    hop, context, fade = 2, 6, 4
    restores = True

    def upsample(self, low, noise=None):
        return low - tf.reduce_mean(low, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def backend(exported) -> LiteBackend:
    return LiteBackend(exported)


def sound(samples: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(samples).normal(0, 0.1, [samples, channels]).astype(np.float32)


def assert_same(lite: LiteBackend, keras: Upsampler, low: np.ndarray, *how) -> None:
    expected = upsample_array(keras, low, *how)
    np.testing.assert_allclose(upsample_array(lite, low, *how), expected, rtol=0, atol=1e-5)


def test_the_file_tells_what_the_upsampler_is(backend, streaming):
    assert {name: getattr(backend, name) for name in NAMES} == {
        name: getattr(streaming, name) for name in NAMES
    }


def test_a_file_for_whole_recordings_is_not_for_streams(backend, streaming):
    assert streaming.streams is streaming and backend.streams is None


@settings(max_examples=10)
@given(samples=st.integers(1, 4000), channels=st.integers(1, 3))
def test_the_whole_is_what_keras_makes(backend, streaming, samples, channels):
    assert_same(backend, streaming, sound(samples, channels))


@settings(max_examples=10)
@given(samples=st.integers(1, 3000), chunk=st.integers(1, 1500))
def test_chunked_equals_whole(backend, samples, chunk):
    low = sound(samples, 2)
    whole = upsample_array(backend, low)
    np.testing.assert_allclose(upsample_array(backend, low, chunk), whole, rtol=0, atol=1e-5)


def test_chunks_are_of_few_shapes(exported, monkeypatch):
    shapes = []
    allocate = interpreter.Interpreter.allocate_tensors

    def counted(self):
        shapes.append(tuple(self.get_input_details()[0]["shape"]))
        allocate(self)

    monkeypatch.setattr(interpreter.Interpreter, "allocate_tensors", counted)
    backend = LiteBackend(exported)
    reach = backend.whole_hops(backend.receptive_field)
    upsample_array(backend, sound(20 * 400 + reach + 107), 400)
    assert shapes == [(1, 400 + 2 * reach), (1, 107 + reach)]


@pytest.mark.parametrize("level", [0.01, 0.7, 20.0])
def test_a_level_that_is_not_known_is_brought_to_one(export, level):
    upsampler = Cubed(8000, 16000)
    low = np.float32(level) * np.linspace(-0.5, 1, 50, dtype=np.float32)
    assert_same(LiteBackend(export(upsampler)), upsampler, low, 7)


def test_noise_is_that_of_the_seed(export):
    upsampler = Drawing(8000, 16000)
    backend = LiteBackend(export(upsampler))
    assert_same(backend, upsampler, sound(9000, 2), 1000, 5)
    other = upsample_array(backend, sound(9000, 2), 1000, 6)
    assert np.abs(other - upsample_array(backend, sound(9000, 2), 1000, 5)).max() > 1


def test_chunks_go_over_into_one_another(export):
    upsampler = Faded(8000, 8000)
    backend = LiteBackend(export(upsampler))
    assert backend.restores and backend.receptive_field is None
    assert_same(backend, upsampler, sound(333, 2), 40)


def test_several_threads_have_an_interpreter_each(exported, streaming):
    backend = LiteBackend(exported)
    lows = [sound(2000 + number % 3, 1) for number in range(40)]
    expected = [upsample_array(streaming, low, 500) for low in lows]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda low: upsample_array(backend, low, 500), lows))
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_a_file_for_streams_is_refused(for_streams):
    with pytest.raises(UserError, match="model.tflite: is for streams; export it without"):
        LiteBackend(for_streams)


@pytest.mark.parametrize("missing", NAMES)
def test_a_file_that_tells_too_little_is_refused(exported, model_with, tmp_path, missing):
    properties = read_properties(exported)
    told = seal.entry({name: properties[name] for name in properties if name != missing})
    path = tmp_path / "old.tflite"
    path.write_bytes(model_with(TFSR_PROPERTIES=told))
    with pytest.raises(
        UserError, match="old.tflite: .*(an older tfsr|has no '.*'); export it again"
    ):
        LiteBackend(path)
