from pathlib import Path

import numpy as np
import pytest

from tfsr.losses.waveform_distances import l1, l2, rmse

DATA = np.load(Path(__file__).parents[1] / "fixtures" / "loss_official.npz")


def test_rmse_equals_the_recorded_loss():
    per_example = rmse(DATA["target"][..., 0], DATA["pred"][..., 0])
    np.testing.assert_allclose(per_example, DATA["per_example_rmse"], rtol=1e-5)
    np.testing.assert_allclose(np.mean(per_example), DATA["loss"], rtol=1e-5)


@pytest.mark.parametrize(("loss", "expected"), [(l1, [1.5, 0.0]), (l2, [2.5, 0.0])])
def test_means_over_time_for_each_example(loss, expected):
    high = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    estimate = np.array([[1.0, -2.0], [1.0, 1.0]], np.float32)
    np.testing.assert_allclose(loss(high, estimate), expected)
