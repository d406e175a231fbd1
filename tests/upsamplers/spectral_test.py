import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
import tf_keras as keras
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.audio_file import read
from tfsr.data.bundled import Bundled
from tfsr.errors import UserError
from tfsr.export.saved_model import export_saved_model
from tfsr.export.tflite import export_tflite
from tfsr.inference.chunks import upsample_array
from tfsr.losses.spectral_distances import LogStft
from tfsr.losses.waveform_distances import l1
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.frame_codec import FrameCodec
from tfsr.signal.resample import resample
from tfsr.signal.windowed_sinc import WindowedSinc
from tfsr.upsamplers.spectral import Spectral

_TINY = ["CHANNELS = 8", "BLOCKS = 1", "PATCH = 3072"]
TINY = {
    # Its presets have losses and critics at all their resolutions.
    "configs/quickstart.gin": [
        *(*_TINY, "CRITICS_START = 0", "spectral_losses.LogStft.fft_sizes = (256,)"),
        "critics.SpectrogramCritics.resolutions = ((256, 64),)",
    ],
    "configs/spectral.gin": _TINY,
    "configs/spectral/*.gin": _TINY,
    "configs/presets/speech_*.gin": [*_TINY, "CRITICS_START = 0"],
    "configs/presets/telephony_*.gin": [*_TINY, "PATCH = 3200", "CRITICS_START = 0"],
}

# The rates and frames of the configurations, and of a shorter delay.
SYMMETRIC, ASYMMETRIC = FrameCodec(512, 128), FrameCodec(512, 128, asymmetric=True)
SYSTEMS = {
    "8_16": (8000, 16000, SYMMETRIC),
    "8_16_streaming": (8000, 16000, ASYMMETRIC),
    "4_16_streaming": (4000, 16000, ASYMMETRIC),
    "16_48": (16000, 48000, FrameCodec(768, 192)),
    "24_48": (24000, 48000, FrameCodec(768, 192)),
    "8_48_streaming": (8000, 48000, FrameCodec(1536, 384, asymmetric=True)),
}
# For laws that do not depend on how large a frame is.
SMALL = {
    "symmetric": (8000, 16000, FrameCodec(64, 16)),
    "asymmetric": (8000, 16000, FrameCodec(64, 16, asymmetric=True)),
    "ratio 3": (16000, 48000, FrameCodec(72, 24, asymmetric=True)),
}
SHORT = WindowedSinc(reach=8)
QUIETER_DB = 20


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.float32(np.random.default_rng(seed).normal(0, 0.1, shape))


def built(system: tuple, causal: bool = True, **options) -> Spectral:
    """With weights so large that an error would show."""
    keras.utils.set_random_seed(0)
    network = functools.partial(UpperBins, channels=8, blocks=2, kernel=3, causal=causal)
    input_rate, output_rate, codec = system
    upsampler = Spectral(network, input_rate, output_rate, {"l1": l1}, codec, **options)
    upsampler.initialize()
    for weight in upsampler.trainable_weights:
        if "kernel" in weight.name:
            weight.assign(10 * weight)
    return upsampler


@functools.lru_cache
def small(name: str, causal: bool = True) -> Spectral:
    upsampler = built(SMALL[name], causal, interpolation=SHORT)
    upsampler.network.amplitude.bias.assign_add(tf.fill(upsampler.network.amplitude.units, 4.0))
    return upsampler


def coloured(rate: int) -> np.ndarray:
    return scipy.signal.lfilter([1], [1, -0.9], noise(2 * rate)).astype(np.float32)


def speech(rate: int) -> np.ndarray:
    (recording, *_) = Bundled().recordings("test")
    samples, own_rate = read(recording.path)
    return np.float32(resample(samples[:, 0], own_rate, rate))[: 3 * rate]


def below(x: np.ndarray, share: float) -> np.ndarray:
    """What lies under so much of the Nyquist frequency."""
    spectrum = np.fft.rfft(x)
    spectrum[int(share * len(spectrum)) :] = 0
    return np.fft.irfft(spectrum, len(x))


@pytest.mark.parametrize("signal", [coloured, speech])
@pytest.mark.parametrize("name", SYSTEMS)
def test_the_low_band_stays_what_it_is(name, signal):
    upsampler = built(SYSTEMS[name])
    low = signal(upsampler.input_rate)
    given = upsampler.interpolation(low[np.newaxis], upsampler.ratio)[0].numpy()
    for _ in range(3):  # levels of the network do not add up exactly
        high = upsampler.upsample(low[np.newaxis])[0].numpy()
        louder = np.log(np.std(given) / np.std(high - given)) - QUIETER_DB / 20 * np.log(10)
        bias = upsampler.network.amplitude.bias
        bias.assign_add(tf.fill(bias.shape, np.float32(louder)))
    added = high - given
    assert abs(20 * np.log10(np.std(given) / np.std(added)) - QUIETER_DB) < 1
    known = 0.9 / upsampler.ratio
    snr = 20 * np.log10(np.std(below(given, known)) / np.std(below(added, known)))
    assert snr > 60


@pytest.mark.parametrize("name", SYSTEMS)
def test_sizes_and_delays(name):
    system, upsampler = SYSTEMS[name], built(SYSTEMS[name])
    codec = system[2]
    assert upsampler.hop * upsampler.ratio == codec.hop_length
    assert upsampler.frame_rate == (125 if system[1] == 16000 or codec.asymmetric else 250)
    assert upsampler.latency == upsampler.delay + codec.hop_length
    assert upsampler.latency_ms == 1000 * codec.support / system[1]
    assert upsampler.latency_ms <= (16 if codec.asymmetric else 32)
    for time in (1, 2 * upsampler.hop, 2 * upsampler.hop + 1):
        assert upsampler.upsample(noise(2, time)).shape == (2, upsampler.ratio * time)


def test_output_is_aligned():
    """A network that predicts what is there gives it back in its place."""
    upsampler = built(SYSTEMS["8_16"])
    high = noise(1, 4096)
    frames = upsampler.codec.analyze(np.pad(high, [(0, 0), (384, 384)]))
    outputs = upsampler.network.amplitude.units
    upsampler.network.call = lambda spectrum, training: type(frames)(
        *(part[..., -outputs:] for part in frames)
    )
    made = upsampler.upsample(np.zeros([1, 2048], np.float32))[0].numpy()
    made, wanted = (x - below(x, 0.93 / 2) for x in (made, high[0]))
    inside = slice(300, -300)
    np.testing.assert_allclose(made[inside], wanted[inside], rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=6)
@given(data=st.data())
def test_step_by_step_equals_the_whole(name, data):
    upsampler = small(name)
    hops = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    batch = data.draw(st.integers(1, 2))
    low = noise(batch, sum(hops) * upsampler.hop)
    state, made = upsampler.initial_state(batch), []
    shapes = {key: value.shape for key, value in state.items()}
    for frame in tf.split(low, [count * upsampler.hop for count in hops], axis=1):
        high, state = upsampler.step(frame, state)
        made.append(high)
        assert {key: value.shape for key, value in state.items()} == shapes
    streamed = tf.concat(made, axis=1)
    assert streamed.shape == (batch, upsampler.ratio * low.shape[1])
    late = streamed[:, upsampler.delay :]
    whole = upsampler.upsample(low)[:, : late.shape[1]]
    np.testing.assert_allclose(late, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
@settings(max_examples=5)
@given(hops=st.integers(1, 60), rest=st.integers(0, 7), chunk=st.integers(1, 300))
def test_chunked_equals_whole(causal, hops, rest, chunk):
    upsampler = small("symmetric", causal)
    low = noise(hops * upsampler.hop + rest)
    whole = upsample_array(upsampler, low)
    np.testing.assert_allclose(upsample_array(upsampler, low, chunk), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", SMALL)
def test_nothing_beyond_the_receptive_field_matters_and_its_ends_do(name, causal):
    upsampler = small(name, causal)
    low, hop, ratio = noise(1, 40 * upsampler.hop), upsampler.hop, upsampler.ratio
    first, last = 20 * hop, 20 * hop + hop - 1  # a frame begins with one and ends with the other
    reached = []
    for place in (first, last):
        changed = low.copy()
        changed[0, place] += 10
        differs = upsampler.upsample(low)[0].numpy() != upsampler.upsample(changed)[0].numpy()
        reached.append(np.flatnonzero(differs) // ratio)
    before, after = reached[0][-1] - first, last - reached[1][0]
    assert max(before, after) == upsampler.receptive_field
    if causal:  # a sample waits for what it depends on
        assert (after + 1) * ratio == upsampler.latency


def test_the_upper_band_can_be_softer_but_in_training():
    softer = built(SMALL["asymmetric"], interpolation=SHORT, level_db=-6.0)
    full = small("asymmetric")
    softer.set_weights(full.get_weights())
    low = noise(1, 20 * full.hop)
    low_band = full.interpolation(tf.constant(low), full.ratio)
    upper, half = (each.upsample(low) - low_band for each in (full, softer))
    np.testing.assert_allclose(half, 10**-0.3 * upper, rtol=0, atol=1e-6)
    frame, state = low[:, : 4 * full.hop], full.initial_state()
    late = full.delay
    streamed = [each.step(frame, state)[0][:, late:] for each in (full, softer)]
    np.testing.assert_allclose(
        streamed[1] - streamed[0],
        (half - upper)[:, : streamed[0].shape[1]],
        rtol=0,
        atol=1e-6,
    )
    trained = [each.widened(low, training=True) for each in (full, softer)]
    np.testing.assert_array_equal(*trained)


def test_the_loss_is_the_weighted_sum_for_each_example():
    upsampler = Spectral(
        functools.partial(UpperBins, channels=8, blocks=1),
        *(8000, 16000, {"l1": l1, "log_stft": LogStft((64,))}, FrameCodec(64, 16)),
        weights={"log_stft": 0.5},
        interpolation=SHORT,
    )
    upsampler.initialize()
    assert upsampler.loss_names == ("loss", "l1", "log_stft")
    high = noise(4, 256)
    batch = {"low": high[:, ::2], "high": high, "seed": np.zeros([4, 2], np.int32)}
    losses = upsampler.losses_for(batch, training=False)
    np.testing.assert_allclose(losses["loss"], losses["l1"] + 0.5 * losses["log_stft"], rtol=1e-6)
    assert losses["loss"].shape == (4,)


def test_what_sees_later_frames_does_not_stream():
    upsampler = small("symmetric", causal=False)
    assert upsampler.streams is None and upsampler.latency_ms is None
    assert list(upsampler.signatures) == ["serving_default"]
    with pytest.raises(UserError, match=r"sees later frames.*causal=True"):
        upsampler.initial_state()


def test_an_interpolation_that_waits_longer_than_frames_is_refused():
    with pytest.raises(UserError, match=r"reach is 32.*wait for 24 only.*hop_length"):
        built(SMALL["symmetric"])


def test_step_as_signatures():
    upsampler, functions = small("asymmetric"), {}
    assert upsampler.streams is upsampler
    assert set(upsampler.signatures) == {"serving_default", "initial_state", "step"}
    for name in ("initial_state", "step"):
        function, inputs, _ = upsampler.signatures[name]
        specs = {key: tf.TensorSpec(x.shape, x.dtype, key) for key, x in inputs.items()}
        functions[name] = tf.function(function, autograph=False).get_concrete_function(**specs)
    state = functions["initial_state"](stream=tf.constant([7, 8]))
    low = noise(2, 3 * upsampler.hop)
    expected, expected_state = upsampler.step(low, upsampler.initial_state(2))
    made = functions["step"](audio=tf.constant(low), **state)
    np.testing.assert_allclose(made.pop("audio"), expected, rtol=0, atol=1e-6)
    for name, value in expected_state.items():
        np.testing.assert_allclose(made[name], value, rtol=0, atol=1e-6)


@pytest.fixture
def exported_for_streams(on_both_runtimes, tmp_path) -> Callable:
    """A function that gives the signatures by name, of a SavedModel or a TensorFlow Lite file."""
    return lambda kind, upsampler: for_streams(kind, upsampler, tmp_path, on_both_runtimes)


def for_streams(
    kind: str, upsampler: Spectral, folder: Path, on_both_runtimes: Callable
) -> Callable:
    if kind == "saved_model":
        export_saved_model(upsampler, folder / "model")
        model = tf.saved_model.load(str(folder / "model"))
        return lambda name, **inputs: model.signatures[name](
            **tf.nest.map_structure(tf.constant, inputs)
        )
    export_tflite(upsampler, folder / "model", streaming=True)
    model = (folder / "model").read_bytes()
    runners = {name: on_both_runtimes(model, name) for name in ("initial_state", "step")}
    return lambda name, **inputs: runners[name](**inputs)


@pytest.mark.parametrize("kind, times", [("saved_model", 100), ("tflite", 1)])
def test_exported_step_by_step_equals_the_whole(kind, times, exported_for_streams):
    """In any parts, where the file is not for single hops."""
    upsampler, hops = small("asymmetric"), 6
    run = exported_for_streams(kind, upsampler)
    low, delay = noise(1, hops * upsampler.hop), upsampler.delay
    whole, random = upsampler.upsample(low)[:, :-delay], np.random.default_rng(0)
    for _ in range(times):
        cuts = random.integers(0, hops, random.integers(0, hops))
        parts = np.sort(cuts if times > 1 else np.arange(1, hops)) * upsampler.hop
        state, made = run("initial_state", stream=np.zeros(1, np.int32)), []
        for frame in filter(np.size, np.split(low, parts, axis=1)):
            state = dict(run("step", audio=frame, **state))
            made.append(np.asarray(state.pop("audio")))
        streamed = np.concatenate(made, axis=1)[:, delay:]
        np.testing.assert_allclose(streamed, whole, rtol=0, atol=1e-5)
