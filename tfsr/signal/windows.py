"""Periodic windows of frames. `scipy.signal` has them too, but its import takes 2 s."""

import numpy as np

# Of the cosines with 0, 1, 2, ... periods in the window.
_SHARES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 1 - 0.54),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
}


def window(name: str, length: int) -> np.ndarray:
    """The periodic window, float64 [length], bit for bit that of `scipy.signal.get_window`.

    Args:
        name: "boxcar", "hann", "hamming" or "blackmanharris".
        length: samples, 2 or more.

    >>> window("hann", 4)
    array([0. , 0.5, 1. , 0.5])
    """
    places = np.linspace(-np.pi, np.pi, length + 1)[:-1]
    made = np.zeros(length)
    for periods, share in enumerate(_SHARES[name]):
        made += share * np.cos(periods * places)
    return made
