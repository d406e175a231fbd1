"""Between sampling rates, in numpy: whole signals, streams, and published recipes."""

import functools
import math
from collections.abc import Callable

import numpy as np
import soxr

from tfsr.errors import UserError

_QUALITY = "VHQ"

# Shares of the lower Nyquist frequency between which `resample` goes from all to nothing.
_PASSED, _STOPPED = 0.99, 1.0

# Seconds between the end of a signal and its beginning, which meet in a Fourier transform: the
# filter has died away by 1e-6 after them, at 1 kHz too.
_APART = 0.5

# The constants of resampy 0.2.2's "kaiser_best", which librosa used until 0.9.
_KAISER_BETA = 14.769656459379492
_KAISER_ROLLOFF = 0.9475937167399596
_KAISER_ZERO_CROSSINGS = 64
_KAISER_PRECISION = 512


def whole_ratio(output_rate: int, input_rate: int) -> int:
    """output_rate / input_rate.

    Raises:
        UserError: where that is no whole number of at least 1.
    """
    if input_rate < 1 or output_rate < input_rate or output_rate % input_rate:
        raise UserError(
            f"output_rate {output_rate} Hz is no whole multiple of input_rate {input_rate} Hz: "
            "choose rates whose ratio is a whole number"
        )
    return output_rate // input_rate


def resampled_length(samples: int, from_rate: int, to_rate: int) -> int:
    """ceil(samples * to_rate / from_rate), without rounding errors."""
    return -(-samples * to_rate // from_rate)


def resample(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`audio` at another rate, whole up to 0.99 of the lower Nyquist frequency.

    The Fourier method, with a raised cosine from there to the Nyquist frequency itself. Targets of
    training and references of measurements are made so. soxr's best quality is 3 dB down at 0.95
    and 31 dB down at 0.975 of it. Networks learn to leave empty what their targets leave empty.

    Args:
        audio: float32 or float64 [time] or [time, channels].
        from_rate, to_rate: Hz.

    Returns:
        [resampled_length(time, from_rate, to_rate), ...] of the same dtype; `audio` itself where
        the rates are equal.
    """
    if from_rate == to_rate:
        return audio
    import scipy.fft  # takes longer than to upsample a call, which does without
    import scipy.signal

    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    periods = scipy.fft.next_fast_len(-(-(len(audio) + int(_APART * from_rate)) // down), real=True)
    taper = functools.partial(_taper, nyquist=min(1.0, up / down) / 2)
    resampled = scipy.signal.resample(
        _fit(audio, periods * down), periods * up, axis=0, window=taper
    )
    return _fit(resampled, resampled_length(len(audio), from_rate, to_rate))


def soxr_hq(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`audio` at another rate by soxr's "HQ", which is SoX's effect `rate` as it is by default.

    It is 3 dB down at 0.95 of the lower Nyquist frequency.

    Args:
        audio: float32 or float64 [time].
        from_rate, to_rate: Hz.

    Returns:
        [resampled_length(time, from_rate, to_rate)] of the same dtype.
    """
    if from_rate == to_rate:
        return audio
    resampled = soxr.resample(audio, from_rate, to_rate, quality="HQ")
    return _fit(resampled, resampled_length(len(audio), from_rate, to_rate))


def through_rate(
    audio: np.ndarray, from_rate: int, to_rate: int, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """What becomes of `audio` when it is changed at another rate; soxr's "HQ" goes there and back.

    Args:
        audio: float32 or float64 [time].
        from_rate: Hz, that of `audio` and of the result.
        to_rate: Hz, that at which `change` is called.
        change: [samples] to [samples].

    Returns:
        [time], not delayed.
    """
    changed = change(soxr_hq(audio, from_rate, to_rate))
    return soxr_hq(changed, to_rate, from_rate)[: len(audio)]


def _taper(frequencies: np.ndarray, nyquist: float) -> np.ndarray:
    """The share of each frequency that passes; both in cycles a sample."""
    way = (np.abs(frequencies) / nyquist - _PASSED) / (_STOPPED - _PASSED)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip(way, 0, 1))


class StreamResampler:
    """Bring a stream to another rate block by block, in constant memory (soxr, best quality).

    However the signal is cut into blocks, the outputs together are the same. The upper 5 % of the
    lower rate's band get weaker.

    Args:
        from_rate, to_rate: Hz.
        channels: of every block.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int):
        self._rates = from_rate, to_rate
        self._stream = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, channels, quality=_QUALITY)
        self._taken = 0
        self._given = 0

    def push(self, block: np.ndarray, last: bool) -> np.ndarray:
        """Take float32 [time, channels] (time may be 0), give what is ready (it may be empty).

        `last` ends the signal and flushes the rest; nothing may be pushed after it.
        """
        if self._stream is None:
            return block
        self._taken += len(block)
        ready = self._stream.resample_chunk(np.ascontiguousarray(block, np.float32), last)
        if last:
            ready = _fit(ready, resampled_length(self._taken, *self._rates) - self._given)
        self._given += len(ready)
        return ready


def kaiser_best(x: np.ndarray, ratio: int) -> np.ndarray:
    """Every `ratio`-th sample of a windowed-sinc low-pass, as librosa 0.8 resampled by default.

    64 zero crossings on each side under a Kaiser window. Repeats resampy 0.2.2 "kaiser_best"
    number by number, with its truncated table steps. Where `ratio` does not divide the time, the
    last value is zero, as in librosa. (WSRGlow's low-rate signals were made so.)

    Args:
        x: [time] at the high rate.
        ratio: whole number >= 1; 1 gives `x` itself.

    Returns:
        float64 [ceil(time / ratio)].
    """
    if ratio == 1:
        return np.asarray(x, np.float64)
    import scipy.signal

    taps, delay = _kaiser_taps(ratio)
    filtered = scipy.signal.upfirdn(taps, x, down=ratio)[delay // ratio :]
    return _fit(filtered[: len(x) // ratio], resampled_length(len(x), ratio, 1))


@functools.lru_cache
def _kaiser_taps(ratio: int) -> tuple[np.ndarray, int]:
    """The filter and the place of its centre, a multiple of `ratio`."""
    window = _kaiser_half_window() / ratio
    step = _KAISER_PRECISION // ratio
    past = window[: len(window) // step * step : step]
    start, fraction = divmod(_KAISER_PRECISION / ratio, 1)
    places = np.arange(int(start), len(window), step)[: (len(window) - int(start)) // step]
    slope = np.diff(window, append=window[-1])
    future = window[places] + fraction * slope[places]
    delay = -(-len(future) // ratio) * ratio
    return np.concatenate([np.zeros(delay - len(future)), future[::-1], past]), delay


def _kaiser_half_window() -> np.ndarray:
    """The right half of the windowed sinc, 512 points for each zero crossing."""
    points = _KAISER_PRECISION * _KAISER_ZERO_CROSSINGS
    sinc = np.sinc(_KAISER_ROLLOFF * np.linspace(0, _KAISER_ZERO_CROSSINGS, points + 1))
    taper = np.kaiser(2 * points + 1, _KAISER_BETA)[points:]
    return _KAISER_ROLLOFF * sinc * taper


def _fit(audio: np.ndarray, samples: int) -> np.ndarray:
    """`audio` cut or lengthened with zeros to so many samples."""
    missing = max(samples - len(audio), 0)
    return np.pad(audio[:samples], [(0, missing)] + [(0, 0)] * (audio.ndim - 1))
