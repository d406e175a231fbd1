"""Sounds that one knows again, and programs that write them as others do."""

import shutil
import subprocess

import numpy as np
import pytest

from tfsr.audio_file import AudioFile


@pytest.fixture(scope="session")
def voice():
    """A function: something like speech, [samples, 1] at a rate, without what lies above 3 kHz."""

    def voice(samples: int, rate: int) -> np.ndarray:
        time = np.arange(samples) / rate
        tones = sum(np.sin(2 * np.pi * hz * time + hz) for hz in range(150, 3000, 150))
        level = 0.02 + 0.02 * np.sin(2 * np.pi * 3.1 * time + 0.3)
        return (level * tones)[:, np.newaxis]

    return voice


@pytest.fixture(scope="session")
def program():
    """A function that runs ffmpeg, lame or sox; without it the test is skipped."""

    def program(name: str, *arguments, stdout=None) -> None:
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
        quiet = {"ffmpeg": ["-v", "error", "-y"], "lame": ["--silent"], "sox": []}[name]
        command = [name, *quiet, *map(str, arguments)]
        subprocess.run(command, check=True, stdout=stdout)

    return program


@pytest.fixture(scope="session")
def opened():
    """A function: a recording's samples, what it is, and its faults in words."""

    def opened(path, raw=None):
        with AudioFile(path, raw) as file:
            audio = np.concatenate(list(file.blocks(1000)))
            return audio, file.info, [fault.text for fault in file.faults]

    return opened


@pytest.fixture(scope="session")
def likeness():
    """A function: dB of a signal over its difference to another one, from the same start."""

    def likeness(audio, expected) -> float:
        size = min(len(audio), len(expected))
        error = audio[:size] - expected[:size]
        return 10 * np.log10(np.sum(expected[:size] ** 2) / np.sum(error**2))

    return likeness
