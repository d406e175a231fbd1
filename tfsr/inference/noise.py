"""Noise for upsamplers, a pure function of seed and sample position."""

import numpy as np

BLOCK = 8192
"""Number of samples that one generator draws."""


def standard_normal(seed: int, draw: int, channels: int, start: int, stop: int) -> np.ndarray:
    """One draw of noise for the output samples `start` to `stop` of a signal.

    A draw depends on the sample, not on the call. A part of a signal gets the same numbers as in
    the whole signal, so that chunks agree.

    Args:
        draw: number of the draw, among the upsampler's `noise_steps`.

    Returns:
        float32 [channels, stop - start].
    """
    first, last = start // BLOCK, -(-stop // BLOCK)
    noise = np.empty([channels, (last - first) * BLOCK], np.float32)
    for channel in range(channels):
        for block in range(first, last):
            place = (block - first) * BLOCK
            generator = np.random.default_rng([seed, channel, block, draw])
            noise[channel, place : place + BLOCK] = generator.standard_normal(BLOCK, np.float32)
    return noise[:, start - first * BLOCK : stop - first * BLOCK]
