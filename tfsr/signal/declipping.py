"""Fill clipped samples by linear prediction.

A clipped sample was at least as loud as the ceiling, and all others are right as they are. A frame
of speech is nearly what linear prediction makes of its own past. So clipped samples get the values
with the least prediction error (Janssen, Veldhuis & Vries 1986, "Adaptive interpolation of
discrete-time signals that can be modeled as autoregressive processes"). The predictor comes from
the frame itself, first with cubic curves over the gaps, then with the values found before. Values
below the ceiling are set to it, and the others are found again, as consistency wants it (Záviška
et al. 2021, "A survey and an extensive evaluation of popular audio declipping methods").
"""

import numpy as np
from scipy.linalg import solve_toeplitz, solveh_banded

_ROUNDS = 3

# Of the power, added to it: without it, predictors of few frequencies are not stable.
_NOISE = 1e-4

# Against a division by 0.
_TINY = 1e-12

# Weight of the distance to the ceiling, beside the prediction error. Without it, short gaps of some
# voices come out too loud.
_PULL = 5e-5

# Nothing clips by more than 18 dB and is still speech.
_LOUDEST = 8.0


def filled(frame: np.ndarray, clipped: np.ndarray, order: int) -> np.ndarray:
    """A frame with new values for its clipped samples.

    Args:
        frame: float64 [time].
        clipped: bool [time]: which samples are clipped. Each of them has the value of the ceiling.
        order: number of coefficients of the predictor. Those that span a period of the voice give
            the best values.

    Returns:
        float64 [time]. Clipped samples keep their sign, and are as loud as before or louder.

    >>> import numpy as np
    >>> sine = np.sin(0.2 * np.arange(1000))
    >>> low = np.clip(sine, -0.7, 0.7)
    >>> restored = filled(low, np.abs(low) == 0.7, order=8)
    >>> round(low.max(), 3), round(restored[100:-100].max(), 3)
    (0.7, 1.0)
    """
    sign, ceiling = np.sign(frame), np.abs(frame)
    made = _bounded(_curved(frame, clipped), clipped, sign, ceiling)
    for _ in range(_ROUNDS):
        predictor = _predictor(made, order)
        values = _predicted(made, clipped, predictor, frame)
        low = clipped & (sign * values < ceiling)
        if low.any():
            values = _predicted(np.where(low, frame, made), clipped & ~low, predictor, frame)
        made = _bounded(values, clipped, sign, ceiling)
    return made


def _bounded(
    x: np.ndarray, clipped: np.ndarray, sign: np.ndarray, ceiling: np.ndarray
) -> np.ndarray:
    return np.where(clipped, sign * np.clip(sign * x, ceiling, _LOUDEST * ceiling), x)


def _curved(frame: np.ndarray, clipped: np.ndarray) -> np.ndarray:
    """A cubic curve over each gap, with the slopes at its sides; none at the ends of the frame."""
    made = frame.copy()
    goes_on = np.zeros(len(frame), bool)
    goes_on[1:] = clipped[1:] & clipped[:-1] & (np.sign(frame[1:]) == np.sign(frame[:-1]))
    begins = np.flatnonzero(clipped & ~goes_on)
    for begin in begins:
        end = begin + 1
        while end < len(frame) and goes_on[end]:
            end += 1
        if begin < 2 or end > len(frame) - 2 or clipped[begin - 1] or clipped[end]:
            continue
        length = end - begin + 1
        left, right = frame[begin - 1], frame[end]
        rise = length * (left - frame[begin - 2])
        fall = length * (frame[end + 1] - right)
        t = np.arange(1, length) / length
        made[begin:end] = (
            (2 * t**3 - 3 * t**2 + 1) * left
            + (t**3 - 2 * t**2 + t) * rise
            + (3 * t**2 - 2 * t**3) * right
            + (t**3 - t**2) * fall
        )
    return made


def _predictor(x: np.ndarray, order: int) -> np.ndarray:
    """Coefficients of the prediction error, from the first, which is 1."""
    windowed = x * np.hanning(len(x) + 2)[1:-1]
    power = np.abs(np.fft.rfft(windowed, 2 * len(x))) ** 2
    correlation = np.fft.irfft(power)[: order + 1]
    correlation[0] += _NOISE * correlation[0] + _TINY
    return np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])


def _predicted(
    x: np.ndarray, unknown: np.ndarray, predictor: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """The unknown samples that make the sum of squared prediction errors least, near others."""
    places = np.flatnonzero(unknown)
    if not len(places):
        return x
    order = len(predictor) - 1
    products = np.correlate(predictor, predictor, "full")
    pull = _PULL * products[order]
    right = pull * near[places] - np.convolve(np.where(unknown, 0.0, x), products, "same")[places]
    # A sample meets only those that are no further away than the order: a band of a matrix.
    bands = np.zeros([min(order, len(places) - 1) + 1, len(places)])
    for number, band in enumerate(bands):
        away = places[number:] - places[: len(places) - number]
        met = away <= order
        band[: len(away)][met] = products[order + away[met]]
    bands[0] += pull
    made = x.copy()
    made[places] = solveh_banded(bands, right, lower=True)
    return made
