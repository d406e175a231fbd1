from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.signal

from tfsr import audio_file
from tfsr.degradation.effects import reverberate
from tfsr.degradation.room import Room
from tfsr.errors import UserError

RATE = 16000


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sound(time: int = 300) -> np.ndarray:
    return generator().uniform(-0.1, 0.1, time).astype(np.float32)


def delayed(samples: int) -> np.ndarray:
    response = np.zeros([50, 1], np.float32)
    response[samples] = 0.5
    return response


@pytest.fixture
def rooms(tmp_path):
    """Three responses: half as loud, and 0, 1 and 2 samples later."""
    for number in range(3):
        audio_file.write(tmp_path / f"{number}.wav", delayed(number), RATE, "FLOAT")
    return tmp_path


def test_each_room_is_drawn_alike_and_its_delay_stays(rooms):
    rng, room, dry = generator(), Room(rooms), sound()
    heard = [room(dry, RATE, RATE, rng) for _ in range(600)]
    assert all(wet.shape == dry.shape and wet.dtype == np.float64 for wet in heard)
    delays = [int(np.flatnonzero(np.abs(wet) > 1e-9)[0]) for wet in heard]
    np.testing.assert_allclose(np.bincount(delays), 200, atol=40)
    for delay in range(3):
        wet = heard[delays.index(delay)]
        np.testing.assert_allclose(wet[delay:], 0.5 * dry[: len(dry) - delay], atol=1e-7)


def test_a_signal_sounds_as_in_the_room(tmp_path):
    response = generator(1).normal(size=[400, 1]).astype(np.float32) * 0.02
    audio_file.write(tmp_path / "below" / "room.wav", response, RATE, "FLOAT")
    wet = Room(str(tmp_path))(sound(), RATE, RATE, generator())
    np.testing.assert_allclose(wet, reverberate(sound(), response[:, 0]), atol=1e-9)


@pytest.mark.parametrize("rate", [8000, RATE, 44100])
def test_the_direct_path_may_be_where_the_signal_is_and_the_level_its_own(tmp_path, rate):
    response = generator(1).normal(0, 0.01, [4000, 1]).astype(np.float32)
    response[800] = 0.3
    audio_file.write(tmp_path / "room.wav", response, RATE, "FLOAT")
    dry = 5 * sound(6000).astype(np.float64)
    wet, late = (Room(tmp_path, aligned=on)(dry, rate, rate, generator()) for on in (True, False))
    correlation = scipy.signal.correlate(wet, dry) / np.vdot(dry, dry)
    assert np.argmax(correlation) == len(dry) - 1
    assert np.mean(wet**2) == pytest.approx(np.mean(dry**2))
    shift = rate // 20
    assert np.argmax(scipy.signal.correlate(late, dry)) == len(dry) - 1 + shift
    loud = Room(tmp_path, aligned=True)(100 * dry, rate, rate, generator())
    np.testing.assert_allclose(loud, 100 * wet, atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 24000, 44100])
def test_another_rate_keeps_delay_and_gain(tmp_path, rate):
    response = np.zeros([4000, 1], np.float32)
    response[1600] = 0.5  # a tenth of a second
    audio_file.write(tmp_path / "room.wav", response, RATE, "FLOAT")
    dry = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(rate // 2) / rate)
    wet = Room(tmp_path)(dry, rate, rate, generator())
    settled = slice(rate // 5, rate // 2)
    np.testing.assert_allclose(wet[settled], 0.5 * np.roll(dry, rate // 10)[settled], atol=1e-3)


def test_parts_share_no_room_and_stay_when_others_come(tmp_path):
    def delays(part: str | None) -> set[int]:
        rng, room = generator(), Room(tmp_path, part, test_share=0.4)
        impulse = np.eye(1, 60)[0]
        return {int(np.argmax(room(impulse, RATE, RATE, rng))) for _ in range(400)}

    def add(first: int, last: int) -> None:
        for number in range(first, last):
            audio_file.write(tmp_path / f"room{number}.wav", delayed(number), RATE, "FLOAT")

    add(0, 20)
    train, test = delays("train"), delays("test")
    assert train and test and not train & test and train | test == delays(None) == set(range(20))
    add(20, 40)
    assert {d for d in delays("train") if d < 20} == train
    assert {d for d in delays("test") if d < 20} == test


def test_threads_get_what_one_would(rooms):
    def wet(seed: int) -> np.ndarray:
        return room(sound(), RATE, RATE, generator(seed))

    room = Room(rooms)
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(wet, range(64)))
    for seed, heard in enumerate(together):
        np.testing.assert_array_equal(heard, wet(seed))


@pytest.mark.parametrize(
    ("folder", "part", "message"),
    [
        (None, None, "Room.folder is not set.*tfsr rooms"),
        ("nowhere", None, "nowhere: no such folder.*tfsr rooms"),
        (".", None, "holds no audio file; .*tfsr rooms"),
        (".", "test", "holds no audio file for part 'test'.*tfsr rooms"),
    ],
)
def test_what_is_missing_is_told_when_it_is_wanted(folder, part, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    room = Room(folder, part)
    with pytest.raises(UserError, match=message):
        room(sound(), RATE, RATE, generator())


def test_other_parts_are_refused():
    with pytest.raises(UserError, match="Room.part is 'validation'"):
        Room("rooms", "validation")
