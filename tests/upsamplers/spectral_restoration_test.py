import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.export.tflite import export_tflite
from tfsr.inference.chunks import upsample_array
from tfsr.losses.spectral_distances import CompressedStft
from tfsr.networks.restored_bins import RestoredBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.upsamplers.spectral_restoration import SpectralRestoration

TINY = {
    "configs/presets/restore_*.gin": [
        *("CHANNELS = 8", "BLOCKS = 1", "KERNEL = 3", "PATCH = 4096", "CRITICS_START = 0"),
        "critics.SpectrogramCritics.resolutions = ((256, 64),)",
        # There are no rooms here, nor recordings of noise.
        "chain.Chain.stages = (@noise/effects.Sometimes(), @codec/effects.Sometimes())",
        "synthetic_noise.AnyNoise.choices = (@synthetic_noise.Hum(), @synthetic_noise.Hiss())",
        "synthetic_noise.AnyNoise.weights = None",
    ],
}


def noise(*shape: int) -> np.ndarray:
    return np.float32(np.random.default_rng(0).normal(0, 0.1, shape))


@functools.lru_cache
def built(causal: bool, gain: float = 3.0) -> SpectralRestoration:
    """With weights so large that an error would show, unless `gain` is 1."""
    keras.utils.set_random_seed(0)
    sizes = {"channels": 8, "blocks": 2, "kernel": 3, "floor_kernel": 3, "widths": (4, 4)}
    network = functools.partial(RestoredBins, causal=causal, **sizes)
    losses = {"compressed": CompressedStft((64,))}
    upsampler = SpectralRestoration(network, 16000, losses, FrameCodec(64, 16))
    upsampler.initialize()
    for weight in upsampler.trainable_weights:
        if "kernel" in weight.name:
            weight.assign(gain * weight + 0.1 * (gain - 1) * noise(*weight.shape))
    return upsampler


def test_what_it_is():
    upsampler = built(causal=True)
    assert upsampler.restores and upsampler.ratio == 1
    assert (upsampler.hop, upsampler.latency, upsampler.latency_ms) == (16, 64, 4.0)
    assert built(causal=False).latency_ms is None


def test_the_output_is_the_input_at_first():
    low = noise(2, 1001)
    restored = built(causal=False, gain=1.0).upsample(low)
    assert np.std(restored - low) < 0.05 * np.std(low)


@settings(max_examples=5)
@given(hops=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_step_by_step_equals_the_whole(hops):
    upsampler = built(causal=True)
    low = noise(2, sum(hops) * upsampler.hop)
    state, made = upsampler.initial_state(2), []
    for frame in tf.split(low, [count * upsampler.hop for count in hops], axis=1):
        restored, state = upsampler.step(frame, state)
        made.append(restored)
    late = tf.concat(made, axis=1)[:, upsampler.delay :]
    whole = upsampler.upsample(low)
    np.testing.assert_allclose(late, whole[:, : late.shape[1]], rtol=0, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_nothing_beyond_the_receptive_field_matters_and_its_ends_do(causal):
    upsampler = built(causal)
    low, hop = noise(1, 60 * upsampler.hop), upsampler.hop
    reached = []
    for place in (first := 30 * hop, last := 31 * hop - 1):
        changed = low.copy()
        changed[0, place] += 10
        differs = upsampler.upsample(low)[0].numpy() != upsampler.upsample(changed)[0].numpy()
        reached.append(np.flatnonzero(differs))
    # What the ends of windows let through may be less than rounding.
    reach = max(reached[0][-1] - first, last - reached[1][0])
    assert upsampler.receptive_field - 2 <= reach <= upsampler.receptive_field


def test_chunked_equals_whole():
    low = noise(1000)
    upsampler = built(causal=False)
    whole = upsample_array(upsampler, low)
    np.testing.assert_allclose(upsample_array(upsampler, low, 100), whole, rtol=0, atol=1e-5)


def test_a_phone_restores_alike(on_both_runtimes, tmp_path):
    upsampler, low = built(causal=False), noise(1, 1001)
    export_tflite(upsampler, tmp_path / "model")
    run = on_both_runtimes((tmp_path / "model").read_bytes(), "serving_default")
    made = run(audio=low)["audio"]
    np.testing.assert_allclose(made, upsampler.upsample(low), rtol=0, atol=1e-5)
