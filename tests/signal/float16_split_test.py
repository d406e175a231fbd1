import numpy as np

from tfsr.signal.float16_split import FINE_SCALE, split_float16


def test_float16_holds_both_parts_and_their_sum_is_the_value():
    values = np.random.default_rng(0).normal(size=1000)
    parts = split_float16(values)
    for part in parts:
        np.testing.assert_array_equal(part, part.astype(np.float16))
    np.testing.assert_allclose(parts[0] + parts[1] / FINE_SCALE, values, rtol=2**-21)
