import numpy as np

from tfsr.signal.halves import FINE, halves


def test_float16_holds_both_halves_and_their_sum_is_the_value():
    values = np.random.default_rng(0).normal(size=1000)
    parts = halves(values)
    for part in parts:
        np.testing.assert_array_equal(part, part.astype(np.float16))
    np.testing.assert_allclose(parts[0] + parts[1] / FINE, values, rtol=2**-21)
