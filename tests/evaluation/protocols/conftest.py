from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from tfsr.data.recordings import Recording
from tfsr.evaluation import protocols
from tfsr.evaluation.test_set import Item


@dataclass(frozen=True)
class Given(Recording):
    """A signal at its own rate."""

    signal: np.ndarray = field(default_factory=lambda: np.zeros(1, np.float32))

    def read(self, rate, start=0, stop=None):
        assert rate == self.rate
        return self.signal[start:stop]


@pytest.fixture(scope="session")
def sound() -> Callable[[int, int], np.ndarray]:
    """A function (samples, seed) -> noise of falling spectrum in syllables, after silence.

    What the authors' formulas give for it was computed with PyTorch, librosa and SciPy.
    """

    def sound(samples: int, seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).standard_normal(samples + 8)
        smooth = np.convolve(noise, np.hanning(9), mode="valid") + 0.05 * noise[8:]
        syllables = np.sin(2 * np.pi * 4 * np.arange(samples) / 48000) ** 2
        signal = 0.05 * smooth * syllables
        signal[:3000] = 0
        return signal.astype(np.float32)

    return sound


@pytest.fixture(scope="session")
def item() -> Callable[..., Item]:
    """A function (protocol, signal, input rate, output rate) -> what a system is tested with."""

    def item(name: str, signal: np.ndarray, input_rate: int, output_rate: int = 48000) -> Item:
        recording = Given("a", "a", "test", output_rate, signal.size, signal=signal)
        protocol = protocols.named(name)
        assert protocol.degradation is not None
        test_set = protocol.test_set([recording], protocol.degradation)
        return next(test_set.items(input_rate, output_rate))

    return item


@pytest.fixture(scope="session")
def scores(item) -> Callable[..., dict[str, float]]:
    """A function (protocol, signal, rate) -> of the input as it is, for systems at one rate."""

    def scores(name: str, signal: np.ndarray, rate: int = 48000) -> dict[str, float]:
        made = item(name, signal, rate, rate)
        return protocols.named(name).scores(made.high, made.low, rate, rate)

    return scores
