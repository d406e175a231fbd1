"""Noise for the upsamplers that draw, a pure function of seed and place."""

import numpy as np

BLOCK = 8192
"""Samples that are drawn with one generator."""


def standard_normal(seed: int, draw: int, channels: int, start: int, stop: int) -> np.ndarray:
    """One draw of noise for the output samples `start` to `stop` of a signal.

    The draws belong to the sample, not to the call: whoever asks for a part of a signal gets the
    same numbers there as one who asks for the whole, so that chunks agree.

    Args:
        draw: which of the upsampler's `noise_steps` draws.

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
