import dataclasses

import pytest

from tfsr.errors import UserError
from tfsr.inference.preset_selection import choice, remark, restoring
from tfsr.model_card import RESTORATION, STREAMS, TELEPHONE


@dataclasses.dataclass(frozen=True)
class Candidate:
    name: str
    input_rate: int
    output_rate: int
    suited_to: str = ""

    @property
    def bandwidth_hz(self) -> float:
        return self.input_rate / 2


PRESETS = [
    Candidate("speech-16k-x2", 8000, 16_000),
    Candidate("speech-16k-x4", 4000, 16_000),
    Candidate("speech-48k-x2", 24_000, 48_000),
    Candidate("speech-48k-x3", 16_000, 48_000),
    Candidate("speech-48k-x6", 8000, 48_000),
    Candidate("calls", 8000, 16_000, TELEPHONE),
    Candidate("live", 16_000, 24_000, STREAMS),
    Candidate("restore-16k", 16_000, 16_000, RESTORATION),
    Candidate("restore-48k", 48_000, 48_000, RESTORATION),
]


@pytest.mark.parametrize(
    "bandwidth_hz, name",
    [
        *((hz, "speech-16k-x4") for hz in (500, 1900, 2700)),
        *((hz, "calls") for hz in (3000, 3300, 3900, 4300)),
        *((hz, "speech-16k-x2") for hz in (4500, 5500, 6300)),
        *((hz, "speech-48k-x3") for hz in (7000, 7800, 9500)),
        *((hz, "speech-48k-x2") for hz in (9700, 11_000, 16_000, 20_000)),
    ],
)
def test_by_bandwidth(bandwidth_hz, name):
    assert choice(bandwidth_hz, PRESETS) == choice(bandwidth_hz, PRESETS[::-1]) == name


def test_without_one_for_calls():
    others = PRESETS[:5]
    assert choice(3900, others) == "speech-16k-x2"
    assert choice(3900, PRESETS[5:6]) == choice(5000, PRESETS[5:6]) == "calls"


def test_nothing_to_add():
    with pytest.raises(UserError, match=r"reaches 23\.5 kHz already"):
        choice(23_500, PRESETS)


@pytest.mark.parametrize(
    "bandwidth_hz, name",
    [
        *((hz, "restore-16k") for hz in (500, 3900, 8000, 9900)),
        *((hz, "restore-48k") for hz in (10_100, 24_000, 48_000)),
    ],
)
def test_restoration_by_bandwidth(bandwidth_hz, name):
    assert restoring(bandwidth_hz, PRESETS) == restoring(bandwidth_hz, PRESETS[::-1]) == name


def test_the_only_one_that_restores():
    assert restoring(24_000, PRESETS[:-1]) == "restore-16k"
    with pytest.raises(UserError, match="no preset restores recordings; give a `model` that does"):
        restoring(4000, PRESETS[:-2])


def test_remarks():
    assert remark(3900, 48_000) == "nothing above 3.9 kHz, taken for a telephone recording, "
    assert remark(5500, 48_000) == "nothing above 5.5 kHz, "
    assert remark(3900, 8000) == ""
