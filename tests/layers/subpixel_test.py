from pathlib import Path

import numpy as np
import pytest

from tfsr.layers.subpixel import subpixel

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize("ratio", [2, 3])
@pytest.mark.parametrize(
    ("order", "name"), [("phase", "official"), ("channel", "king_channelmajor")]
)
def test_both_orders_equal_the_recorded_ones(order, name, ratio):
    data = np.load(FIXTURES / f"subpixel_{name}.npz")
    np.testing.assert_array_equal(subpixel(data["input"], ratio, order), data[f"out_r{ratio}"])


def test_one_frame_of_four_channels():
    frame = np.arange(4.0, dtype=np.float32)[None, None]
    np.testing.assert_array_equal(subpixel(frame, 2)[0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(subpixel(frame, 2, "channel")[0], [[0, 2], [1, 3]])
