"""Split signals into frames, and trim the silence at their ends, in numpy."""

from typing import Literal

import numpy as np


def frames(
    signal: np.ndarray,
    length: int,
    hop_length: int,
    padding: Literal["reflect", "zeros"] = "reflect",
) -> np.ndarray:
    """Centred frames [count, length] of a signal [time], one every `hop_length` samples.

    Both ends are padded by half a frame, by reflection. A short signal is reflected repeatedly; a
    single sample is repeated.
    """
    if padding == "zeros":
        whole = -(signal.size + 2 * (length // 2) - length) % hop_length
        signal = np.pad(signal, (length // 2, length // 2 + whole))
    else:
        signal = np.pad(signal, length // 2, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop_length]


def trim(signal: np.ndarray, below_db: float) -> np.ndarray:
    """Cut off both ends where frames are this much quieter than the loudest (NU-Wave's data).

    It repeats `librosa.effects.trim` up to 0.9: RMS of centred frames of 2048 samples, one every
    512, with mirrored ends. A silent signal stays as it is.
    """
    power = np.mean(np.square(frames(signal, 2048, 512), dtype=np.float64), axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    return signal[loud[0] * 512 : (loud[-1] + 1) * 512] if loud.size else signal
