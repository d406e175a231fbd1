"""The alternatives to ResUNet against their definition, written out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.convert.places import Tensors
from tfsr.convert.voicefixer import denoiser_places
from tfsr.layers.random import seeded
from tfsr.networks.mel_denoiser import MelDenoiser, MelDNN, MelGRU, WholeNorm, bidirectional_gru

BANDS = 5
NARROW = {
    MelDNN: {"bands": BANDS, "widths": (4, 6, 3)},
    MelGRU: {"bands": BANDS, "width": 4},
    MelDenoiser: {"bands": BANDS},
}
kinds = pytest.mark.parametrize("kind", NARROW, ids=lambda kind: kind.__name__)


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def noise(*shape, seed=1) -> np.ndarray:
    return tf.random.stateless_normal(shape, [seed, 2]).numpy()


def randomized(network: keras.Model) -> keras.Model:
    """A built network with weights that tell a bias, a mean or a scale that is misplaced."""
    network(tf.zeros([1, 1, BANDS, 1]))
    for number, weight in enumerate(network.weights):
        draw = 0.5 * noise(*weight.shape, seed=number)
        weight.assign(1 + np.abs(draw) if "variance" in weight.name else draw)
    return network


@pytest.fixture(scope="module")
def networks() -> dict:
    keras.utils.set_random_seed(0)
    return {kind: randomized(kind(**options)) for kind, options in NARROW.items()}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def pytorch_gru(x, weight_ih, weight_hh, bias_ih, bias_hh) -> np.ndarray:
    """One direction, [batch, time, inputs] -> [batch, time, units], as PyTorch documents it."""
    state, states = np.zeros([len(x), weight_hh.shape[1]]), []
    for inputs in x.swapaxes(0, 1):
        of_input = np.split(inputs @ weight_ih.T + bias_ih, 3, axis=1)
        of_state = np.split(state @ weight_hh.T + bias_hh, 3, axis=1)
        reset, update = (sigmoid(of_input[gate] + of_state[gate]) for gate in (0, 1))
        candidate = np.tanh(of_input[2] + reset * of_state[2])
        state = (1 - update) * candidate + update * state
        states.append(state)
    return np.stack(states, axis=1)


def as_pytorch(weights: list[tf.Variable]) -> list[np.ndarray]:
    """Kernel, recurrent kernel and biases of Keras, with PyTorch's gates r, z, n for z, r, h."""

    def reordered(x):
        update, reset, candidate = np.split(x, 3)
        return np.concatenate([reset, update, candidate])

    kernel, recurrent, biases = (weight.numpy() for weight in weights)
    return [reordered(x) for x in (kernel.T, recurrent.T, biases[0], biases[1])]


def reference(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """What a layer does outside training, [batch, frames, features]."""
    values = [weight.numpy() for weight in layer.weights]
    if isinstance(layer, WholeNorm):
        gamma, beta, mean, variance = values
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    if isinstance(layer, keras.layers.Dense):
        return x @ values[0] + values[1]
    if isinstance(layer, keras.layers.ReLU):
        return relu(x)
    if isinstance(layer, keras.layers.Bidirectional):
        forward = pytorch_gru(x, *as_pytorch(layer.weights[:3]))
        backward = pytorch_gru(x[:, ::-1], *as_pytorch(layer.weights[3:]))[:, ::-1]
        return np.concatenate([forward, backward], axis=-1)
    return x  # dropout


LAYERS = {
    MelDNN: "dense relu norm dense relu norm dense relu dense",
    MelGRU: "norm dense norm gru gru relu dense relu dense",
    MelDenoiser: (
        "norm dense relu norm dense dropout relu norm gru gru norm gru gru "
        "norm relu dense dropout norm relu dense"
    ),
}


@kinds
def test_estimate_is_that_of_the_definition(networks, kind):
    network, x = networks[kind], noise(2, 7, BANDS, 1)
    names = {"Dense": "dense", "ReLU": "relu", "WholeNorm": "norm", "Bidirectional": "gru"}
    kinds = [names.get(type(layer).__name__, "dropout") for layer in network.layer.layers]
    assert " ".join(kinds) == LAYERS[kind]
    expected = x[..., 0]
    for layer in network.layer.layers:
        expected = reference(layer, expected)
    if kind is MelDenoiser:
        expected = sigmoid(expected)
    np.testing.assert_allclose(network(x)[..., 0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "parameters"), [(MelDNN, 1_378_952), (MelGRU, 2_169_476), (MelDenoiser, 5_223_820)]
)
def test_parameter_counts(kind, parameters):
    network = kind()
    network(keras.Input([None, 128, 1]))
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters


def test_initial_weights_of_the_gru_are_glorots_and_orthogonal():
    layer, _ = bidirectional_gru(8)
    layer(tf.zeros([1, 2, 16]))
    kernel, recurrent, biases = layer.get_weights()[:3]
    limit = np.sqrt(6 / (16 + 3 * 8))
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(8), atol=1e-5)
    np.testing.assert_array_equal(biases, 0)


def test_one_mean_and_scale_for_everything():
    norm, x = WholeNorm(0.9), 3 + 2 * noise(2, 5, 7)
    y = norm(x, training=True)
    np.testing.assert_allclose(y, (x - x.mean()) / np.sqrt(x.var() + 1e-5), atol=1e-5)
    np.testing.assert_allclose(norm.norm.moving_mean, [0.1 * x.mean()], rtol=1e-5)
    np.testing.assert_allclose(norm.norm.moving_variance, [0.9 + 0.1 * x.var(ddof=1)], rtol=1e-5)


# Layers of the authors' denoiser: shapes of weights, and names of others.
DENSE = {"1": (10, 5), "4": (20, 10), "11": (20, 20), "15": (5, 20)}
NORMS = ("0", "3", "7.bn", "8.bn", "9", "13")
GRU = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def tensors_of_authors() -> dict[str, np.ndarray]:
    """Of a denoiser, by the names in the authors' code."""
    shapes = {f"{n}.weight": shape for n, shape in DENSE.items()}
    shapes |= {f"{n}.bias": shape[:1] for n, shape in DENSE.items()}
    for norm in NORMS:
        shapes |= {f"{norm}.{x}": (1,) for x in ("weight", "bias", "running_mean", "running_var")}
    for gru in ("7.gru", "8.gru"):
        for end in ("l0", "l0_reverse", "l1", "l1_reverse"):
            shapes |= {f"{gru}.weight_ih_{end}": (30, 20), f"{gru}.weight_hh_{end}": (30, 10)}
            shapes |= {f"{gru}.bias_{of}_{end}": (30,) for of in ("ih", "hh")}
    return {
        f"denoiser.{name}": np.abs(x) if name.endswith("var") else x
        for number, (name, shape) in enumerate(shapes.items())
        for x in [0.5 * noise(*shape, seed=number)]
    }


def of_authors(tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """What their denoiser does, [batch, frames, bands] -> the same."""

    def parts(name: str, *kinds: str) -> list[np.ndarray]:
        return [tensors[f"denoiser.{name}{kind}"] for kind in kinds]

    def norm(name, x):
        gamma, beta, mean, variance = parts(
            name, ".weight", ".bias", ".running_mean", ".running_var"
        )
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta

    def dense(name, x):
        weight, bias = parts(name, ".weight", ".bias")
        return x @ weight.T + bias

    def gru(name, x):
        for layer in "l0", "l1":
            forward, backward = (
                parts(f"{name}.", *(f"{kind}_{layer}{end}" for kind in GRU))
                for end in ("", "_reverse")
            )
            back = pytorch_gru(x[:, ::-1], *backward)[:, ::-1]
            x = np.concatenate([pytorch_gru(x, *forward), back], axis=-1)
        return x

    x = relu(dense("1", norm("0", x)))
    x = relu(dense("4", norm("3", x)))
    for block in "7", "8":
        x = gru(f"{block}.gru", norm(f"{block}.bn", x))
    x = dense("11", relu(norm("9", x)))
    return sigmoid(dense("15", relu(norm("13", x))))


def test_the_authors_weights_give_what_their_code_gives():
    network, tensors = MelDenoiser(BANDS), tensors_of_authors()
    network(tf.zeros([1, 1, BANDS, 1]))
    placed = Tensors(tensors, "")
    placed.put(denoiser_places(network), network)
    assert placed.passed_over == ()
    x = noise(2, 7, BANDS, 1)
    np.testing.assert_allclose(network(x)[..., 0], of_authors(tensors, x[..., 0]), atol=1e-5)


@kinds
def test_any_length_in_a_graph_that_does_not_know_it(networks, kind):
    network = networks[kind]
    run = tf.function(
        network, input_signature=[tf.TensorSpec([None, None, BANDS, 1])], autograph=False
    )
    for frames in (1, 8):
        x = noise(2, frames, BANDS, 1)
        y = run(x)
        assert y.shape == x.shape and y.dtype == tf.float32
        np.testing.assert_allclose(y, network(x), atol=1e-5)
    assert (network.ratio, network.hop) == (1, 1)


@kinds
def test_frames_see_others_only_through_a_gru(networks, kind):
    x = noise(1, 6, BANDS, 1)
    changed = x.copy()
    changed[:, 3] += 10
    differences = np.abs(networks[kind](x) - networks[kind](changed)).max(axis=(0, 2, 3))
    if kind is MelDNN:
        np.testing.assert_array_equal(np.delete(differences, 3), 0)
        assert networks[kind].receptive_field == 0
    else:
        assert (differences[[2, 4]] > 0).all()
        assert networks[kind].receptive_field is None


def test_dropout_is_a_function_of_the_seed(networks):
    x, results = noise(1, 6, BANDS, 1), []
    for seed in (1, 1, 2):
        with seeded(tf.constant([seed, 0])):
            results.append(networks[MelDenoiser](x, training=True).numpy())
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 1e-4
