"""Constants of a graph that survive an export with weights in float16."""

import numpy as np

FINE_SCALE = 2.0**11
"""float16 has 11 significant bits."""


def split_float16(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(coarse, fine), float32 that float16 holds; coarse + fine / FINE_SCALE is `values`.

    Exact to float32's precision, where the graph adds them. An exported file may have its constants
    in float16, and one rounded window or kernel would change by -73 to -79 dB what should pass
    unchanged.
    """
    coarse = values.astype(np.float16).astype(np.float64)
    fine = ((values - coarse) * FINE_SCALE).astype(np.float16)
    return coarse.astype(np.float32), fine.astype(np.float32)
