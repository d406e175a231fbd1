import base64
import html.parser
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.data.recordings import Recording

VOID = {"meta", "img", "br", "link", "input"}


class Page(html.parser.HTMLParser):
    """Collects elements and text, and refuses tags that do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.words, self._open = [], [], []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def sources(self, tag: str) -> list[bytes]:
        """The decoded data URLs of all elements of one kind that have one."""
        found = [a["src"].partition(",") for t, a in self.elements if t == tag and "src" in a]
        assert all(head.endswith(";base64") for head, _, _ in found)
        return [base64.b64decode(content, validate=True) for _, _, content in found]


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


@pytest.fixture(scope="session")
def parse_page() -> Callable[[str], Page]:
    """From the text of a page to its elements."""
    return Page


@pytest.fixture(scope="session")
def write_tones():
    """A function that writes a file of sines, from their frequencies in Hz to amplitudes."""

    def write(path, tones: dict[int, float], rate: int = 16000, seconds: float = 0.8) -> str:
        time = np.arange(round(rate * seconds)) / rate
        sound = sum(level * np.sin(2 * np.pi * hz * time) for hz, level in tones.items())
        audio_file.write(path, np.float32(sound)[:, np.newaxis], rate)
        return path

    return write
