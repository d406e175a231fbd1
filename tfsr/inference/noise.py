"""Noise for the upsamplers that draw, a pure function of seed and place."""

import numpy as np

BLOCK = 8192
"""Samples that are drawn with one generator."""


def standard_normal(seed: int, steps: int, channels: int, start: int, stop: int) -> np.ndarray:
    """Noise for the output samples `start` to `stop` of a signal.

    The draws belong to the sample, not to the call: whoever asks for a part of a signal gets the
    same numbers there as one who asks for the whole, so that chunks agree.

    Returns:
        float32 [steps, channels, stop - start].
    """
    first, last = start // BLOCK, -(-stop // BLOCK)
    noise = np.empty([steps, channels, (last - first) * BLOCK], np.float32)
    for channel in range(channels):
        for block in range(first, last):
            place = (block - first) * BLOCK
            generator = np.random.default_rng([seed, channel, block])
            drawn = generator.standard_normal([steps, BLOCK], np.float32)
            noise[:, channel, place : place + BLOCK] = drawn
    return noise[..., start - first * BLOCK : stop - first * BLOCK]
