import numpy as np
import pytest
import scipy.signal

from tfsr.signal.windows import window


@pytest.mark.parametrize("name", ["boxcar", "hann", "hamming", "blackmanharris"])
@pytest.mark.parametrize("length", [2, 15, 320, 441, 1024])
def test_windows_are_those_of_scipy_bit_for_bit(name, length):
    np.testing.assert_array_equal(window(name, length), scipy.signal.get_window(name, length))
