"""Constants of a graph that stay exact in an export with weights in float16."""

import numpy as np

FINE_SCALE = 2.0**11
"""float16 has 11 significant bits."""


def split_float16(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(coarse, fine), float32 values that float16 can hold; coarse + fine / FINE_SCALE is `values`.

    The graph adds them, exactly to float32's precision. An exported file may have its constants in
    float16. A single rounded window or kernel would then change a signal that should pass
    unchanged, by -73 to -79 dB.
    """
    coarse = values.astype(np.float16).astype(np.float64)
    fine = ((values - coarse) * FINE_SCALE).astype(np.float16)
    return coarse.astype(np.float32), fine.astype(np.float32)
