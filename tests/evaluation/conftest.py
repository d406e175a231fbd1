from dataclasses import dataclass

import numpy as np
import pytest

from tfsr.data.recordings import Recording


@dataclass(frozen=True)
class Sound(Recording):
    """Noise of falling spectrum that is already at the rate it is asked for."""

    seed: int = 0

    def read(self, rate, start=0, stop=None):
        noise = np.random.default_rng(self.seed).standard_normal(self.samples + 20)
        smooth = np.convolve(noise, np.hanning(21), mode="valid")
        return (0.05 * smooth[: self.samples]).astype(np.float32)[start:stop]


@pytest.fixture(scope="session")
def sounds():
    """A function from lengths in samples to recordings in memory."""

    def make(*lengths: int, rate: int = 16000) -> list[Sound]:
        return [
            Sound(f"a/{index}.wav", "a", "test", rate, samples, index)
            for index, samples in enumerate(lengths)
        ]

    return make
