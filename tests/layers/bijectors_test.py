"""Every bijector by the same laws: round trip, Jacobian, gradients, devices, checkpoints."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.layers.bijectors import (
    AffineCoupling,
    Chain,
    InvertibleConvolution,
    LuInvertibleConvolution,
    forward_with_log_dets,
    invert,
)

CHANNELS = 6


class Coupled(keras.layers.Layer):
    """A network that mixes times and counts how often it runs."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Conv1D(CHANNELS, 3, padding="same", activation="tanh")
        self.outer = keras.layers.Dense(CHANNELS, bias_initializer="normal")
        self.runs = 0

    def call(self, x, condition):
        self.runs += 1
        return self.outer(self.inner(x) + condition)


def coupling() -> AffineCoupling:
    return AffineCoupling(Coupled())


def chain(convolution=InvertibleConvolution) -> Chain:
    return Chain([coupling(), convolution(CHANNELS)])


MAKERS = {
    "convolution": lambda: InvertibleConvolution(CHANNELS),
    "lu": lambda: LuInvertibleConvolution(CHANNELS),
    "coupling": coupling,
    "chain": chain,
    "lu_chain": lambda: chain(LuInvertibleConvolution),
}


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def condition_for(name: str, x: tf.Tensor) -> dict:
    condition = {"condition": noise(*x.shape, seed=3)}
    return {"coupling": condition} if "chain" in name else condition if name == "coupling" else {}


def made(name: str, seed: int = 0):
    """A bijector away from its start, where a rotation's inverse is its transpose."""
    keras.utils.set_random_seed(seed)
    bijector, x = MAKERS[name](), noise(2, 5, CHANNELS)
    bijector.forward(x, **condition_for(name, x))  # creates the weights
    for variable in bijector.trainable_variables:
        variable.assign_add(0.2 * tf.random.normal(variable.shape))
    return bijector


every = pytest.mark.parametrize("name", MAKERS)


@every
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (3, 1), (2, 9)])
def test_inverse_undoes_forward_and_the_other_way_round(name, batch, time, rounding):
    bijector, x = made(name), noise(batch, time, CHANNELS)
    condition = condition_for(name, x)
    y = bijector.forward(x, **condition)
    assert y.shape == x.shape and np.abs(y - x).max() > 0.1
    # Through tf.identity: the result itself is remembered with what it was made from.
    back = bijector.inverse(tf.identity(y), **condition)
    np.testing.assert_allclose(back, x, atol=max(1e-5, rounding(4 * CHANNELS, y)))
    z = bijector.inverse(x, **condition)
    # Sums over the channels, there and back, of up to two products with matrices.
    atol = max(1e-5, rounding(4 * CHANNELS, z))
    np.testing.assert_allclose(bijector.forward(tf.identity(z), **condition), x, atol=atol)


@every
@pytest.mark.parametrize("time", [1, 4])
def test_log_dets_equal_the_jacobians(name, time, log_dets):
    bijector, x = made(name), noise(3, time, CHANNELS)
    condition = condition_for(name, x)
    forward = log_dets(lambda x: bijector.forward(x, **condition), x)
    inverse = log_dets(lambda y: bijector.inverse(y, **condition), x)
    x, y = tf.identity(x), tf.identity(x)
    log_det = bijector.forward_log_det_jacobian(x, event_ndims=2, **condition)
    np.testing.assert_allclose(np.broadcast_to(log_det, [3]), forward, atol=1e-4)
    log_det = bijector.inverse_log_det_jacobian(y, event_ndims=2, **condition)
    np.testing.assert_allclose(np.broadcast_to(log_det, [3]), inverse, atol=1e-4)


@every
def test_unknown_batch_and_time_make_no_difference(name):
    bijector = made(name)
    spec = tf.TensorSpec([None, None, CHANNELS])
    specs = [spec, tf.nest.map_structure(lambda _: spec, condition_for(name, noise(1, 1, 6)))]

    @tf.function(input_signature=specs, autograph=False)
    def forward(x, condition):
        log_det = bijector.forward_log_det_jacobian(x, event_ndims=2, **condition)
        return bijector.forward(x, **condition), log_det

    for batch, time in [(1, 3), (2, 8)]:
        x = noise(batch, time, CHANNELS)
        condition = condition_for(name, x)
        y, log_det = forward(x, condition)
        np.testing.assert_allclose(y, bijector.forward(x, **condition), atol=1e-5)
        expected = bijector.forward_log_det_jacobian(x, event_ndims=2, **condition)
        np.testing.assert_allclose(log_det, expected, atol=1e-4)


@every
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_gradients_reach_every_weight_and_the_input(name, direction):
    bijector, x = made(name), noise(2, 5, CHANNELS)
    condition = condition_for(name, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = getattr(bijector, direction)(x, **condition)
        log_det = getattr(bijector, f"{direction}_log_det_jacobian")(x, event_ndims=2, **condition)
        loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
    assert len(bijector.trainable_variables) > 0
    for gradient in tape.gradient(loss, [x, *bijector.trainable_variables]):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-3


@every
def test_a_checkpoint_restores(name, tmp_path):
    first, second, x = made(name), made(name, seed=5), noise(2, 5, CHANNELS)
    condition = condition_for(name, x)
    y = first.forward(x, **condition)
    assert np.abs(second.forward(tf.identity(x), **condition) - y).max() > 0.1
    path = tf.train.Checkpoint(bijector=first).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(bijector=second).restore(path).assert_consumed()
    np.testing.assert_array_equal(second.forward(tf.identity(x), **condition), y)


@every
def test_keras_finds_the_weights(name):
    layer = keras.layers.Layer()
    layer.bijector = bijector = made(name)
    found = {id(weight) for weight in layer.trainable_weights}
    assert found == {id(variable) for variable in bijector.trainable_variables}
    assert len(layer.non_trainable_weights) == name.startswith("lu")


def loss_and_step(name: str, strategy: tf.distribute.Strategy) -> tuple[float, list[np.ndarray]]:
    """The mean loss of four examples, and the weights after a step, on all devices."""
    with strategy.scope():
        bijector, optimizer = made(name), keras.optimizers.SGD(0.1)
        variables = bijector.trainable_variables
        optimizer.build(variables)
    x = noise(4, 5, CHANNELS)

    def share(context):
        part = slice(context.replica_id_in_sync_group, None, context.num_replicas_in_sync)
        return tf.nest.map_structure(lambda tensor: tensor[part], (x, condition_for(name, x)))

    def step(x, condition):
        with tf.GradientTape() as tape:
            y = bijector.forward(x, **condition)
            log_det = bijector.forward_log_det_jacobian(x, event_ndims=2, **condition)
            losses = tf.reduce_sum(y**2, axis=[1, 2]) / 2 - log_det
            loss = tf.reduce_sum(losses) / 4
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    shares = strategy.experimental_distribute_values_from_function(share)
    losses = tf.function(lambda: strategy.run(step, shares), autograph=False)()
    loss = strategy.reduce("SUM", losses, axis=None)
    return float(loss), [variable.numpy() for variable in variables]


def check_two_devices() -> None:
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for name in MAKERS:
        (loss, weights), (expected_loss, expected) = (
            loss_and_step(name, strategy) for strategy in (two, tf.distribute.get_strategy())
        )
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
        for weight, expected_weight in zip(weights, expected, strict=True):
            np.testing.assert_allclose(weight, expected_weight, atol=1e-5)


def test_two_devices_train_like_one(succeed):
    program = (
        "import tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "tf.config.set_logical_device_configuration(\n"
        "    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        f"import runpy; runpy.run_path({__file__!r})['check_two_devices']()\n"
    )
    succeed("-c", program)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("log_det_first", [False, True])
def test_the_network_runs_once_for_result_and_log_det(direction, log_det_first):
    bijector, x = made("coupling"), noise(2, 5, CHANNELS)
    condition, before = condition_for("coupling", x), bijector.network.runs
    methods = [direction, f"{direction}_log_det_jacobian"]
    for method in reversed(methods) if log_det_first else methods:
        getattr(bijector, method)(x, **condition)
    assert bijector.network.runs == before + 1


def test_the_network_runs_once_in_a_chain():
    bijector, x = made("chain"), noise(2, 5, CHANNELS)
    network, condition = bijector.bijectors[0].network, condition_for("chain", x)
    before = network.runs
    y, log_dets = forward_with_log_dets(bijector, x, **condition)
    assert network.runs == before + 1
    np.testing.assert_allclose(y, bijector.forward(x, **condition), atol=1e-6)
    log_det = bijector.forward_log_det_jacobian(x, event_ndims=2, **condition)
    assert [term.shape for term in log_dets] == [(2,), (2,)]
    np.testing.assert_allclose(tf.add_n(log_dets), log_det, atol=1e-5)
    convolution = bijector.bijectors[1].forward_log_det_jacobian(x, event_ndims=2)
    np.testing.assert_allclose(log_dets[0], [convolution, convolution], atol=1e-5)


def test_another_condition_is_not_mistaken_for_the_one_before():
    bijector, x = made("coupling"), noise(2, 5, CHANNELS)
    first, second = (bijector.forward(x, condition=noise(2, 5, CHANNELS, seed=s)) for s in (3, 4))
    assert np.abs(first - second).max() > 0.1


def test_results_are_of_the_present_weights():
    bijector, x = made("chain"), noise(2, 5, CHANNELS)
    condition = condition_for("chain", x)
    before = forward_with_log_dets(bijector, x, **condition)
    bijector.bijectors[1].kernel.assign(2 * bijector.bijectors[1].kernel)
    after = forward_with_log_dets(bijector, x, **condition)
    assert np.abs(after[0] - before[0]).max() > 0.1
    np.testing.assert_allclose(invert(bijector, after[0], **condition), x, atol=1e-5)
    np.testing.assert_allclose(after[1][0] - before[1][0], 5 * CHANNELS * np.log(2), rtol=1e-5)


@pytest.mark.parametrize("convolution", [InvertibleConvolution, LuInvertibleConvolution])
@pytest.mark.parametrize("channels", [2, 16, 24])
def test_convolutions_start_as_rotations(convolution, channels):
    keras.utils.set_random_seed(channels)
    for _ in range(5):
        bijector = convolution(channels)
        kernel = bijector.kernel.numpy()
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(channels), atol=1e-5)
        np.testing.assert_allclose(np.linalg.det(kernel), 1, rtol=1e-5)
        np.testing.assert_allclose(bijector.inverse_kernel, kernel.T, atol=1e-5)
    assert sum(v.shape.num_elements() for v in bijector.trainable_variables) == channels**2


def test_lu_starts_as_the_same_rotation():
    kernels = []
    for convolution in (InvertibleConvolution, LuInvertibleConvolution):
        keras.utils.set_random_seed(3)
        kernels.append(convolution(CHANNELS).kernel)
    np.testing.assert_allclose(*kernels, atol=1e-6)


def test_a_negative_determinant_is_no_harm():
    bijector = made("convolution")
    mirrored = bijector.kernel * np.float32([-1] + [1] * (CHANNELS - 1))
    x = noise(2, 5, CHANNELS)
    before = bijector.forward_log_det_jacobian(x, event_ndims=2)
    bijector.kernel.assign(mirrored)
    after = bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=2)
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_lu_compiles_with_xla():
    bijector, x = made("lu_chain"), noise(2, 5, CHANNELS)
    condition = condition_for("lu_chain", x)
    compiled = tf.function(
        lambda x: forward_with_log_dets(bijector, x, **condition), jit_compile=True
    )
    (y, log_dets), (expected, expected_log_dets) = (
        compiled(x),
        forward_with_log_dets(bijector, x, **condition),
    )
    np.testing.assert_allclose(y, expected, atol=1e-4)
    np.testing.assert_allclose(log_dets, expected_log_dets, atol=1e-3)
