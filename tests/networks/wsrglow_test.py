"""WSRGlow against parameter counts, its own inverse and definitions."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.layers.bijectors import LuInvertibleConvolution
from tfsr.networks.wsrglow import WSRGlow
from tfsr.signal.companding import sign_only

NARROW = {
    "group": 8,
    "flows": 3,
    "early_every": 2,
    "layers": 2,
    "channels": 6,
    "waveform_embedding": 3,
    "phase_embedding": 2,
}


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def sound(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(0, 0.1, shape), tf.float32)


def built(**options) -> WSRGlow:
    network = WSRGlow(**options)
    network(tf.zeros([1, network.group]), network.condition(tf.zeros([1, network.hop])))
    return network


def narrow(**options) -> WSRGlow:
    """Away from its start, where every coupling is the identity."""
    network = built(**NARROW | options)
    for step in network.steps:
        end = step.network.end
        end.set_weights([np.random.default_rng(1).normal(0, 0.3, w.shape) for w in end.weights])
    return network


def size(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def zeros_instead(next_creator, **options):
    """What a variable begins with costs more time than anything else."""
    if options.get("shape") is not None:
        options["initial_value"] = lambda: tf.zeros(options["shape"], options["dtype"])
    return next_creator(**options)


def test_parameter_count_is_the_published_one():
    with tf.variable_creator_scope(zeros_instead):
        network = built()
    assert size(network.trainable_weights) == size(network.weights) == 173_202_792
    assert len(network.weights) == 686
    projections = [step.network.projection for step in network.steps]
    kernels = sum(size([projection.kernel]) for projection in projections)
    assert kernels + 12 * 2 * 4096 == 123_322_368
    assert (network.hop, network.receptive_field) == (8, 255 * 8 + 7)


@pytest.mark.parametrize(
    ("ratio", "embedding", "count"),
    [(2, 256, 173_202_792), (2, 400, 229_862_760), (4, 256, 112_844_136), (4, 400, 141_192_552)],
)
def test_parameter_counts_from_one_flow_of_each_width(ratio, embedding, count):
    """4 flows each have 16, 14 and 12 channels; here it is one."""
    with tf.variable_creator_scope(zeros_instead):
        network = built(ratio=ratio, waveform_embedding=embedding, flows=3, early_every=1)
    tables = size(network.encoder.trainable_weights)
    assert tables + 4 * (size(network.trainable_weights) - tables) == count


SWITCHES = [
    {},
    {"magnitude": False},
    {"phase": False},
    {"magnitude": False, "phase": False},
    {"companding": sign_only},
    {"convolution": LuInvertibleConvolution},
    {"early_channels": 0},
]
switches = pytest.mark.parametrize("options", SWITCHES, ids=" ".join)


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


@given(time=st.integers(1, 40), ratio=st.sampled_from([2, 4, 8]))
def test_any_length_is_filled_up_with_zeros(time, ratio):
    network = WSRGlow(ratio, **NARROW)
    low, samples = sound(1, time), noise(1, ratio * time)
    missing = -time % network.hop
    groups = network.groups(samples)
    assert groups.shape == (1, -(-time // network.hop), 8)
    filled = tf.pad(samples, [[0, 0], [0, ratio * missing]])
    np.testing.assert_array_equal(network.waveform(groups), filled)
    condition, expected = (
        network.condition(signal) for signal in (low, tf.pad(low, [[0, 0], [0, missing]]))
    )
    for name, values in condition.items():
        assert values.shape[1] == groups.shape[1]
        np.testing.assert_array_equal(values, expected[name])


@pytest.fixture(scope="module")
def network() -> WSRGlow:
    keras.utils.set_random_seed(0)
    return narrow()


@given(time=st.integers(4, 60))
@settings(max_examples=6)
def test_forward_undoes_inverse_at_any_length(network, time):
    condition, groups = network.condition(sound(2, time)), -(-time // 4)
    high = network.inverse(noise(2, groups, 8), condition)
    assert high.shape == (2, groups * 8)
    z, _ = network.forward(high, condition)
    np.testing.assert_allclose(z, noise(2, groups, 8), atol=1e-4)


@given(time=st.integers(8, 60), more=st.integers(0, 20))
@settings(max_examples=6)
def test_inverse_undoes_forward_and_drops_what_fills_no_group(network, time, more):
    """The low-rate signal may go on; a group of it hears no later one."""
    high, low = sound(2, time), sound(2, -(-time // 2) + more, seed=1)
    condition = network.condition(low)
    z, _ = network.forward(high, condition)
    assert z.shape == (2, time // 8, 8)
    back = network.inverse(z, condition)
    np.testing.assert_allclose(back, high[:, : time // 8 * 8], atol=1e-4)
    cut = network.condition(low[:, : time // 8 * 4])
    np.testing.assert_allclose(network.forward(high, cut)[0], z, atol=1e-5)


@switches
def test_every_switch_leaves_the_flow_invertible(options):
    network = narrow(**options)
    high, condition = sound(2, 80), network.condition(sound(2, 40, seed=1))
    z, log_dets = network.forward(high, condition)
    assert np.abs(network.groups(high) - z).max() > 0.1
    np.testing.assert_allclose(network.inverse(z, condition), high, atol=1e-5)
    assert all(np.isfinite(term).all() and term.shape == (2,) for term in log_dets.values())


@pytest.mark.parametrize(("ratio", "group"), [(2, 16), (3, 24), (3, 12), (4, 16), (8, 16)])
def test_every_ratio(ratio, group):
    network = narrow(ratio=ratio, group=group)
    assert network.hop == group // ratio
    high, low = sound(1, 4 * group + 1), sound(1, 4 * network.hop + 1, seed=1)
    z, _ = network.forward(high, network.condition(low))
    assert z.shape == (1, 4, group)
    back = network.inverse(z, network.condition(low))
    np.testing.assert_allclose(back, high[:, :-1], atol=1e-5)


@switches
def test_tables_give_the_projection(options):
    network = narrow(**options)
    condition, x = network.condition(sound(2, 400)), noise(2, 100, 8)
    for flow in range(3):
        direct = network.inverse_step(flow, x, condition)
        looked_up = network.inverse_step(flow, x, condition, network.tables(flow))
        np.testing.assert_allclose(looked_up, direct, atol=1e-4)
        assert np.abs(direct - x).max() > 0.1


def test_what_the_condition_says_matters(network):
    condition, x = network.condition(sound(1, 80)), noise(1, 20, 8)
    expected = network.inverse(x, condition)
    for name, values in condition.items():
        other = network.inverse(x, condition | {name: tf.roll(values, 3, axis=1)})
        assert np.abs(other - expected).max() > 0.01


def test_the_log_dets_are_the_jacobians(network, log_dets):
    high, condition = sound(1, 32), network.condition(sound(1, 16, seed=1))
    total = sum(network.forward(high, condition)[1].values())
    expected = log_dets(lambda high: network.forward(high, condition)[0], high)
    np.testing.assert_allclose(total, expected, atol=1e-4)


def test_starts_as_rotations():
    network = built(**NARROW)
    z, log_dets = network.forward(sound(2, 80), network.condition(sound(2, 40, seed=1)))
    energies = [tf.reduce_sum(x**2) for x in (z, sound(2, 80))]
    np.testing.assert_allclose(*energies, rtol=1e-5)
    np.testing.assert_allclose(list(log_dets.values()), np.zeros([2, 2]), atol=1e-4)


def test_early_channels_are_noise_before_the_rest(network):
    """Two of eight channels leave before the last of three steps."""
    assert [step.early for step in network.steps] == [0, 0, 2]
    x, condition = noise(1, 20, 8), network.condition(sound(1, 80))
    np.testing.assert_array_equal(network.inverse_step(2, x, condition)[..., :2], x[..., :2])
    published = [step.early for step in WSRGlow().steps]
    assert published == [0] * 4 + [2] * 4 + [4] * 4


@switches
def test_gradients_reach_every_weight(options):
    network = narrow(**options)
    condition = network.condition(sound(2, 400, seed=1))
    with tf.GradientTape() as tape:
        z, log_dets = network.forward(sound(2, 800), condition)
        loss = tf.reduce_sum(z**2) - tf.reduce_sum(tf.add_n(list(log_dets.values())))
    weights = network.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-6, weight.name


def reach(network: WSRGlow, change) -> int:
    """The farthest sample, at the low rate, that a change of one group has an effect on."""
    farthest = 0
    for sample in range(40, 44):
        before, after = change(sample)
        touched = np.flatnonzero(before[0] != after[0]) // network.ratio
        farthest = max(farthest, sample - touched[0], touched[-1] - sample)
    return farthest


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("stft", [False, True])
def test_receptive_field_is_that_of_one_step(layers, stft):
    network = narrow(layers=layers, magnitude=stft, phase=stft)
    x, low = noise(1, 30, 8), sound(1, 120).numpy()
    begin = network.inverse_step(1, x, network.condition(low))

    def of_low(sample: int):
        other = low.copy()
        other[0, sample] += 0.3
        changed = network.inverse_step(1, x, network.condition(other))
        return network.waveform(begin), network.waveform(changed)

    def of_signal(sample: int):
        other = network.waveform(x).numpy()
        other[0, 2 * sample : 2 * sample + 2] += 1
        changed = network.inverse_step(1, network.groups(other), network.condition(low))
        return network.waveform(begin), network.waveform(changed)

    assert reach(network, of_signal) == network.receptive_field
    # A group less far, but for frames, which begin a group earlier with a window that is zero.
    assert reach(network, of_low) == network.receptive_field - (1 if stft else network.hop)


def test_a_part_with_a_context_is_the_whole(network):
    low, x = sound(1, 240), noise(1, 60, 8)
    context = -(-network.receptive_field // network.hop)
    whole = network.inverse_step(1, x, network.condition(low))
    first, last = 20, 40
    part = slice(first - context, last + context)
    samples = slice(part.start * network.hop, part.stop * network.hop)
    cut = network.inverse_step(1, x[:, part], network.condition(low[:, samples]))
    np.testing.assert_allclose(cut[:, context:-context], whole[:, first:last], atol=1e-5)


def test_results_are_of_the_present_weights():
    network, high = narrow(), sound(1, 80)
    condition = network.condition(sound(1, 40))
    before, z = network.forward(high, condition)[0], noise(1, 10, 8)
    sounds = [network.inverse(z, condition)]
    for step in network.steps:
        step.convolution.kernel.assign(-step.convolution.kernel)
        step.network.end.kernel.assign(-step.network.end.kernel)
    assert np.abs(network.forward(high, condition)[0] - before).max() > 0.1
    assert np.abs(network.inverse(z, condition) - sounds[0]).max() > 0.1


def test_graphs_do_not_keep_the_network():
    network = narrow()
    condition = network.condition(sound(1, 40))
    z, _ = tf.function(network.forward, autograph=False)(sound(1, 80), condition)
    tf.function(network.inverse, autograph=False)(z, condition)
    alive = weakref.ref(network)
    del network
    gc.collect()
    assert alive() is None


def test_a_checkpoint_restores(tmp_path):
    first, second = narrow(), narrow(companding=sign_only)
    for weight in second.weights:
        weight.assign_add(0.1 * tf.ones(weight.shape))
    path = tf.train.Checkpoint(network=first).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(network=second).restore(path).assert_consumed()
    assert len(first.weights) == len(second.weights) == 2 + 3 * (2 * 3 + 2 * 2 * 3 + 2 + 1)
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 3}, "WSRGlow.group is 16: at ratio 3 it must be a multiple of 6"),
        ({"group": 15, "ratio": 5}, "at ratio 5 it must be a multiple of 10"),
        ({"early_channels": 3}, "WSRGlow.early_channels is 3: it must be even"),
        ({"early_every": 1}, "22 of the 16 channels of a group would be noise before the last"),
    ],
)
def test_sizes_that_do_not_fit(options, message):
    with pytest.raises(UserError, match=message):
        WSRGlow(**options)


def test_mixed_precision_keeps_the_waveform_in_float32(mixed_precision):
    network = narrow()
    high, condition = sound(2, 80), network.condition(sound(2, 40, seed=1))
    features = network.encoder(condition)
    assert features.dtype == network.steps[0].network.project(features)[0].dtype == tf.float16
    z, log_dets = network(high, condition)
    back = network.inverse(z, condition)
    assert z.dtype == back.dtype == log_dets["coupling"].dtype == tf.float32
    np.testing.assert_allclose(back, high, atol=1e-2)
    looked_up = network.inverse_step(2, z, condition, network.tables(2))
    np.testing.assert_allclose(looked_up, network.inverse_step(2, z, condition), atol=1e-2)


@pytest.mark.parametrize("convolution", [{}, {"convolution": LuInvertibleConvolution}], ids=str)
def test_converts_to_tflite_builtins(convolution, as_tflite):
    """Inverses of kernels become constants; only `tables` needs SparseSegmentSum, which is none."""
    network = narrow(flows=2, early_every=1, layers=1, **convolution)

    def inverse(low, samples):
        return network.inverse(network.groups(samples), network.condition(low))

    run = as_tflite(inverse, [None, None], [None, None])
    for batch, time in [(1, 1), (2, 41), (1, 400)]:
        inputs = sound(batch, time), noise(batch, 2 * time)
        np.testing.assert_allclose(run(*inputs), inverse(*inputs), atol=1e-4)
