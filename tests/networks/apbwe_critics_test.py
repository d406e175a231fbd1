"""AP-BWE's critics: equal to recorded values of the authors' program, on any length and device."""

import functools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.losses.gan_objectives import Hinge, feature_matching
from tfsr.networks.apbwe_critics import AmplitudeCritics, PeriodCritics, PhaseCritics

RECORDED = np.load(Path(__file__).parents[1] / "fixtures" / "apbwe_critics.npz")
REAL, FAKE = (tf.constant(RECORDED[f"wav_{name}"])[..., tf.newaxis] for name in ("real", "fake"))
SMALL = {
    "mpd": lambda: PeriodCritics(channels=(2, 4, 8, 16, 16)),
    "mrad": lambda: AmplitudeCritics(channels=4),
    "mrpd": lambda: PhaseCritics(channels=4),
}


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def axes(family: str) -> tuple[int, ...]:
    """Of the recorded images [batch, channels, rows, columns], where rows are bins but for mpd."""
    return (0, 2, 3, 1) if family == "mpd" else (0, 3, 2, 1)


@functools.cache
def critics_of(family: str) -> keras.Model:
    """With the recorded weights."""
    made = SMALL[family]()
    made(REAL)
    for number, critic in enumerate(made.critics):
        names = [f"convs.{place}" for place in range(5)] + ["conv_post"]
        for name, layer in zip(names, [*critic.convolutions, critic.last], strict=True):
            prefix = f"{family}/sd/discriminators.{number}.{name}"
            kernel = RECORDED[f"{prefix}.weight_v"]  # [filters, inputs, rows, columns]
            layer.kernel.assign(kernel.transpose([*axes(family)[1:3], 1, 0]))
            layer.gain.assign(np.ravel(RECORDED[f"{prefix}.weight_g"]))
            layer.bias.assign(RECORDED[f"{prefix}.bias"])
    return made


@pytest.fixture(scope="module", params=SMALL)
def critics(request) -> keras.Model:
    return critics_of(request.param)


def assert_recorded(maps: list[tf.Tensor], family: str, kind: str, number: int) -> None:
    for place, each in enumerate(maps):
        shape = RECORDED[f"{family}/fmap_shape/{number}/{place}"]
        assert each.shape == tuple(shape[axis] for axis in axes(family))
        mean = RECORDED[f"{family}/fmap_absmean_{kind}/{number}/{place}"]
        np.testing.assert_allclose(np.mean(np.abs(each)), mean, rtol=1e-5)
    scores = maps[-1] if family == "mpd" else tf.transpose(maps[-1], [0, 2, 1, 3])
    expected = RECORDED[f"{family}/score_{kind}/{number}"]
    # Of six convolutions in a row, with some hundred terms in each sum: 80 epsilons of 1.
    np.testing.assert_allclose(tf.reshape(scores, expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("family", ["mpd", "mrad"])
def test_maps_and_losses_are_the_recorded_ones(family):
    critics = critics_of(family)
    for kind, x in {"real": REAL, "fake": FAKE}.items():
        for number, maps in enumerate(critics.maps(x)):
            assert_recorded(maps, family, kind, number)
    losses = {
        "disc": Hinge().for_discriminator(critics, REAL, FAKE)["discriminators"],
        "gen": Hinge().for_network(critics(FAKE)),
        "fm": feature_matching(critics.maps(REAL), critics.maps(FAKE)),
    }
    for name, loss in losses.items():
        np.testing.assert_allclose(np.mean(loss), RECORDED[f"{family}/loss_{name}"], rtol=1e-5)


def test_phases_are_judged_as_recorded():
    """In the first and the last frame rounding chooses between pi and -pi."""
    recorded = RECORDED["mrpd/input_real/0"].transpose([0, 2, 1])
    critics, seen = PhaseCritics(resolutions=((512, 128),)), []
    critics.critics[0].call = lambda x: seen.append(x) or [x]
    critics(REAL)
    difference = np.abs(seen[0][..., 0] - recorded)[:, 2:-2]
    assert np.max(np.minimum(difference, 2 * np.pi - difference)) < 1e-3
    maps = critics_of("mrpd").critics[0](tf.constant(recorded[..., np.newaxis]))
    assert_recorded(maps, "mrpd", "real", 0)


@pytest.mark.parametrize(
    ("kind", "parameters", "gains"),
    [(PeriodCritics, 41_105_770, 13_605), (AmplitudeCritics, 600_198, 963)],
)
def test_parameter_counts(kind, parameters, gains):
    critics = kind()
    critics(tf.zeros([1, 2, 1]))
    assert critics.count_params() == parameters
    assert sum(w.shape[0] for w in critics.weights if "gain" in w.name) == gains


def test_weights_begin_as_pytorchs_do():
    critics = PeriodCritics(periods=(2,), channels=(2, 64, 64))
    critics(noise(1, 64, 1))
    convolution = critics.critics[0].convolutions[2]
    bound = 1 / np.sqrt(5 * 64)
    for weight in (convolution.kernel, convolution.bias):
        assert 0.9 * bound < np.max(np.abs(weight)) <= bound
    np.testing.assert_allclose(convolution.normalized_kernel, convolution.kernel, atol=1e-6)


def test_any_length_is_judged(critics):
    """Also in a graph that does not know it."""
    graph = tf.function(critics, input_signature=[tf.TensorSpec([None, None, 1])], autograph=False)
    for samples in (1, 2, 5, 300):
        x = noise(2, samples, 1)
        for ours, known in zip(graph(x), critics(x), strict=True):
            assert np.all(np.isfinite(ours))
            np.testing.assert_allclose(ours, known, atol=1e-4)


def test_columns_are_every_so_manieth_sample():
    """The end is mirrored where they would not be of one length."""
    critics = PeriodCritics(periods=(3,), channels=(2,))
    seen = []
    critics.critics[0].call = lambda x: seen.append(x) or [x, x]
    critics(tf.reshape(tf.range(8.0), [1, 8, 1]))
    np.testing.assert_array_equal(seen[0][0, ..., 0], [[0, 1, 2], [3, 4, 5], [6, 7, 6]])


def test_every_weight_has_a_gradient_on_any_device(critics):
    x = noise(2, 700, 1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.add_n([tf.reduce_sum(tf.square(score)) for score in critics(x)])
    *gradients, by_input = tape.gradient(loss, [*critics.trainable_weights, x])
    assert all(np.any(gradient) for gradient in gradients)
    assert np.any(by_input)


def test_silence_has_a_finite_gradient(critics):
    x = tf.zeros([1, 600, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.add_n([tf.reduce_sum(score) for score in critics(x)])
    assert np.all(np.isfinite(tape.gradient(loss, x)))


@pytest.mark.parametrize("family", SMALL)
def test_mixed_precision_hears_float32(family, mixed_precision):
    for scores in SMALL[family]()(100 * noise(1, 200, 1)):
        assert scores.dtype == tf.float16
        assert np.all(np.isfinite(scores))
