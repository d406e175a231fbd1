from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.layers.convolution import Conv1D
from tfsr.layers.subpixel import Icnr, NearestNeighbour, Subpixel, subpixel, superpixel

FIXTURES = Path(__file__).parents[1] / "fixtures"
ORDERS = ["phase", "channel"]
small = st.integers(1, 5)


def distinct(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("ratio", [2, 3])
@pytest.mark.parametrize(
    ("order", "name"), [("phase", "official"), ("channel", "king_channelmajor")]
)
def test_both_orders_equal_the_recorded_ones(order, name, ratio):
    data = np.load(FIXTURES / f"subpixel_{name}.npz")
    np.testing.assert_array_equal(subpixel(data["input"], ratio, order), data[f"out_r{ratio}"])
    np.testing.assert_array_equal(superpixel(data[f"out_r{ratio}"], ratio, order), data["input"])


def test_one_frame_of_four_channels():
    frame = np.arange(4.0, dtype=np.float32)[None, None]
    np.testing.assert_array_equal(subpixel(frame, 2)[0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(subpixel(frame, 2, "channel")[0], [[0, 2], [1, 3]])


@given(batch=small, frames=small, channels=small, ratio=small, order=st.sampled_from(ORDERS))
def test_superpixel_is_the_inverse(batch, frames, channels, ratio, order):
    x = distinct(batch, frames, ratio * channels)
    raised = subpixel(x, ratio, order)
    assert raised.shape == (batch, ratio * frames, channels)
    np.testing.assert_array_equal(superpixel(raised, ratio, order), x)
    x = distinct(batch, ratio * frames, channels)
    lowered = superpixel(x, ratio, order)
    assert lowered.shape == (batch, frames, ratio * channels)
    np.testing.assert_array_equal(subpixel(lowered, ratio, order), x)


@pytest.mark.parametrize("order", ORDERS)
def test_a_frame_becomes_the_samples_at_its_place(order):
    x = distinct(2, 4, 6)
    out = subpixel(x, 3, order).numpy().reshape(2, 4, 3 * 2)
    np.testing.assert_array_equal(np.sort(out, axis=-1), x)


@pytest.mark.parametrize("ratio", [2, 3])
@pytest.mark.parametrize("strategy", [*map(Subpixel, ORDERS), NearestNeighbour()])
def test_strategies_raise_the_rate(strategy, ratio):
    conv = Conv1D(strategy.channels(5, ratio), 3)
    out = strategy.after(conv(strategy.before(distinct(2, 4, 6), ratio)), ratio)
    assert out.shape == (2, ratio * 4, 5)


@pytest.mark.parametrize("ratio", [2, 3])
@pytest.mark.parametrize("strategy", [Subpixel(), NearestNeighbour()])
def test_the_step_is_the_distance_of_the_taps(strategy, ratio):
    """A unit pulse comes out in one group of samples for each of the kernel's taps."""
    conv = Conv1D(strategy.channels(1, ratio), 3, kernel_initializer="ones")
    pulse = np.zeros([1, 9, 1], np.float32)
    pulse[0, 4] = 1
    out = strategy.after(conv(strategy.before(pulse, ratio)), ratio)
    assert np.count_nonzero(out) == ratio + 2 * strategy.step(ratio)


def test_nearest_neighbour_repeats_every_sample():
    np.testing.assert_array_equal(
        NearestNeighbour().before(distinct(1, 2, 2), 3)[0],
        [[0, 1], [0, 1], [0, 1], [2, 3], [2, 3], [2, 3]],
    )


@pytest.mark.parametrize("ratio", [2, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_icnr_starts_all_phases_alike(order, ratio):
    normal = keras.initializers.RandomNormal
    for shape in [9, 4, 5 * ratio], [5 * ratio]:
        weights = Icnr(normal(), ratio, order)(shape)
        assert weights.shape == shape
        phases = subpixel(np.reshape(weights, [1, -1, 5 * ratio]), ratio, order).numpy()
        phases = phases.reshape(-1, ratio, 5)
        np.testing.assert_array_equal(phases, np.broadcast_to(phases[:, :1], phases.shape))
        assert len(np.unique(phases)) == phases.size // ratio


@pytest.mark.parametrize("order", ORDERS)
def test_an_untrained_icnr_layer_repeats_samples(order):
    strategy = Subpixel(order, icnr=True)
    initializer = strategy.initializer(keras.initializers.GlorotNormal(), 3)
    conv = Conv1D(strategy.channels(4, 3), 5, kernel_initializer=initializer)
    x = np.random.default_rng(0).standard_normal([2, 7, 6]).astype(np.float32)
    out = strategy.after(conv(x), 3).numpy().reshape(2, 7, 3, 4)
    np.testing.assert_allclose(out, np.broadcast_to(out[:, :, :1], out.shape), atol=1e-6)


@pytest.mark.parametrize("strategy", [Subpixel(), NearestNeighbour()])
def test_without_icnr_the_initialiser_stays(strategy):
    initializer = keras.initializers.GlorotNormal()
    assert strategy.initializer(initializer) is initializer
