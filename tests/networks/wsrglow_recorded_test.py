"""WSRGlow against what the authors' code makes of recorded weights and signals."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.convert.places import Tensors
from tfsr.convert.wsrglow import places
from tfsr.networks.wsrglow import WSRGlow
from tfsr.signal.companding import MuLaw, sign_only

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = {"flows": 4, "early_every": 2, "layers": 3, "channels": 8, "waveform_embedding": 6}
GROUPS = {2: 8, 4: 16}
COMPANDING = {"mulawfix": MuLaw(256), "official": sign_only}


def build(ratio: int, kind: str) -> WSRGlow:
    """A small network with the recorded weights."""
    network = WSRGlow(ratio, GROUPS[ratio], companding=COMPANDING[kind], **SMALL)
    network(tf.zeros([1, network.group]), network.condition(tf.zeros([1, network.hop])))
    Tensors(np.load(FIXTURES / f"wsrglow_x{ratio}.npz"), "w/").put(places(network), network)
    return network


shared = functools.lru_cache(build)


class Recorded:
    """A network, and what it made of `signal`."""

    def __init__(self, ratio: int, kind: str, signal: str = "io"):
        self.values = np.load(FIXTURES / f"wsrglow_x{ratio}.npz")
        self.network = shared(ratio, kind)
        self._prefixes = (f"{signal}/{kind}/", f"{signal}/")
        self.low, self.high = tf.constant(self["lr"]), tf.constant(self["hr"])

    def __getitem__(self, name: str) -> np.ndarray:
        (key,) = [prefix + name for prefix in self._prefixes if prefix + name in self.values]
        return self.values[key]

    @property
    def condition(self) -> dict[str, tf.Tensor]:
        """The recorded one has phases of a symmetric frame, the first, as rounding had them."""
        condition = self.network.condition(self.low)
        phases = condition["phase"].numpy()
        phases[:, 0] = self["phase_codes"][:, 0]
        return condition | {"phase": tf.constant(phases)}


recorded = pytest.mark.parametrize("ratio", [2, 4])
kinds = pytest.mark.parametrize("kind", COMPANDING)
signals = pytest.mark.parametrize("signal", ["io", "odd"])


def assert_near(actual: tf.Tensor, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    """Recorded is [batch, channels, time], of layers the first times of the first example."""
    expected = expected.swapaxes(1, 2)
    actual = actual[: expected.shape[0], : expected.shape[1]]
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@recorded
@kinds
@signals
def test_codes_equal_the_recorded_ones(ratio, kind, signal):
    fixture = Recorded(ratio, kind, signal)
    condition = fixture.network.condition(fixture.low)
    codes = tf.reshape(condition["waveform"], [len(fixture.low), -1])
    expected = fixture["mulaw_codes"]
    np.testing.assert_array_equal(codes[:, : expected.shape[1]], expected)
    expected = fixture["phase_codes"]
    np.testing.assert_array_equal(condition["phase"][:, 1 : expected.shape[1]], expected[:, 1:])


@recorded
@kinds
def test_every_layer_of_the_first_step_equals_the_recorded_one(ratio, kind):
    fixture = Recorded(ratio, kind)
    network, step = fixture.network, fixture.network.steps[0]
    features, wavenet = network.encoder(fixture.condition), step.network
    assert_near(features, fixture["cond"])
    x = step.convolution.forward(network.groups(fixture.high))
    assert_near(x, fixture["conv0_out"])
    kept = x[..., : x.shape[-1] // 2]
    assert_near(kept, fixture["wn0_in"])
    conditions, first = wavenet.project(features), wavenet.gated_layers[0]
    assert_near(wavenet(kept, conditions), fixture["wn0_out"])
    start = wavenet.start(kept)
    assert_near(start, fixture["wn0_start"])
    assert_near(first.dilated_conv(start), fixture["wn0_in0"])
    signal, skip = first(start, conditions[0])
    assert_near(tf.concat([signal - start, skip], axis=-1), fixture["wn0_resskip0"])


@recorded
@kinds
@signals
def test_noise_and_log_dets_equal_the_recorded_ones(ratio, kind, signal):
    fixture = Recorded(ratio, kind, signal)
    network, condition = fixture.network, fixture.condition
    z, log_dets = network.forward(fixture.high, condition)
    assert_near(z, fixture["z"])
    assert {name: term.shape for name, term in log_dets.items()} == {
        name: (len(z),) for name in ("convolution", "coupling")
    }
    terms = {name: np.sum(term) for name, term in log_dets.items()}
    np.testing.assert_allclose(terms["coupling"], np.sum(fixture["sum_log_s"]), rtol=1e-5)
    np.testing.assert_allclose(terms["convolution"], np.sum(fixture["log_det_W"]), rtol=1e-5)
    loss = (np.sum(np.square(z)) / 2 - sum(terms.values())) / np.size(z)
    np.testing.assert_allclose(loss, fixture["loss"], rtol=1e-5)


@recorded
@kinds
def test_log_dets_of_every_step_equal_the_recorded_ones(ratio, kind):
    fixture = Recorded(ratio, kind)
    x = fixture.network.groups(fixture.high)
    features = fixture.network.encoder(fixture.condition)
    expected = zip(fixture["log_det_W"], fixture["sum_log_s"], strict=True)
    for step, terms in zip(fixture.network.steps, expected, strict=True):
        x, log_dets = step.forward(x, features)
        np.testing.assert_allclose(np.sum(log_dets, axis=1), terms, rtol=1e-5, atol=1e-4)


@recorded
@kinds
@signals
@pytest.mark.parametrize("by_tables", [False, True])
def test_waveform_equals_the_recorded_one(ratio, kind, signal, by_tables):
    fixture = Recorded(ratio, kind, signal)
    network, condition = fixture.network, fixture.condition
    sample_z = 0.8 * fixture["sample_z"]  # so wide was the noise drawn
    for z, expected in [(fixture["z"], fixture["hr"]), (sample_z, fixture["sample"])]:
        x = tf.constant(z.swapaxes(1, 2), tf.float32)
        for flow in (3, 2, 1, 0):
            tables = network.tables(flow) if by_tables else None
            x = network.inverse_step(flow, x, condition, tables)
        np.testing.assert_allclose(network.waveform(x), expected, rtol=1e-5, atol=1e-5)
        if not by_tables:
            whole = network.inverse(tf.constant(z.swapaxes(1, 2), tf.float32), condition)
            np.testing.assert_array_equal(whole, network.waveform(x))


def loss_and_gradients(fixture: Recorded) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
        z, log_dets = fixture.network.forward(fixture.high, fixture.condition)
        log_det = tf.reduce_sum(log_dets["convolution"] + log_dets["coupling"])
        loss = (tf.reduce_sum(z**2) / 2 - log_det) / tf.size(z, tf.float32)
    return loss, tape.gradient(loss, fixture.network.trainable_weights)


def test_gradients_equal_the_recorded_ones():
    fixture, expected = Recorded(2, "official"), np.load(FIXTURES / "wsrglow_train3.npz")
    network = fixture.network
    loss, gradients = loss_and_gradients(fixture)
    np.testing.assert_allclose(loss, expected["loss0"], rtol=1e-5)
    np.testing.assert_allclose(tf.linalg.global_norm(gradients), expected["grad_norm0"], rtol=1e-5)
    by_weight = {id(w): g for w, g in zip(network.trainable_weights, gradients, strict=True)}
    for name, weight in named(network):
        norm = expected[f"norm/{name}"]
        np.testing.assert_allclose(np.linalg.norm(by_weight[id(weight)]), norm, rtol=1e-5)
        gradient = as_recorded(by_weight[id(weight)], name, expected[f"gradient/{name}"])
        assert np.abs(gradient - expected[f"gradient/{name}"]).max() < 1e-5 * norm, name


def named(network: WSRGlow) -> Iterator[tuple[str, tf.Variable]]:
    """The weights of the steps with their names in the authors' code."""
    for place in places(network):
        (name,) = place.names
        if "embed" not in name:
            yield name, place.variable


def as_recorded(values: tf.Tensor, name: str, recorded: np.ndarray) -> np.ndarray:
    """In the order of the authors' code; of the largest layer, every 31st channel is recorded."""
    values = np.transpose(values)
    return (values[:, ::31] if "cond_layer.weight_v" in name else values).reshape(recorded.shape)


def test_three_training_steps_end_where_the_authors_do():
    fixture, expected = Recorded(2, "official"), np.load(FIXTURES / "wsrglow_train3.npz")
    fixture.network = build(2, "official")  # its weights change
    optimizer = keras.optimizers.Adam(1e-4, epsilon=1e-8, global_clipnorm=1.0)
    for number in range(3):
        loss, gradients = loss_and_gradients(fixture)
        norm = tf.linalg.global_norm(gradients)
        np.testing.assert_allclose(loss, expected[f"loss{number}"], rtol=1e-4)
        np.testing.assert_allclose(norm, expected[f"grad_norm{number}"], rtol=1e-5)
        # Clipped gradients are as small as epsilon, which Keras adds before it corrects the bias.
        optimizer.epsilon = 1e-8 * (1 - optimizer.beta_2 ** (number + 1)) ** 0.5
        optimizer.apply_gradients(zip(gradients, fixture.network.trainable_weights, strict=True))
    for name, weight in named(fixture.network):
        weight = as_recorded(weight, name, expected[f"after/{name}"])
        np.testing.assert_allclose(weight, expected[f"after/{name}"], atol=1e-6, err_msg=name)
