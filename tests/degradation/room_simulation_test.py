import csv
from pathlib import Path

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.degradation import room_simulation
from tfsr.degradation.room_simulation import Place, Settings
from tfsr.errors import UserError

RATE = 16000


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """A folder of rooms, and their rows."""
    folder = tmp_path_factory.mktemp("rooms")
    return folder, room_simulation.make_rooms(folder, Settings(RATE, seed=0), count=4)


def response(folder: Path, row: dict) -> np.ndarray:
    return audio_file.read(folder / row["file"])[0][:, 0]


def test_rooms_reverberate_as_long_as_was_wanted(rooms):
    folder, rows = rooms
    for row in rows:
        assert row["rt60_measured"] == pytest.approx(row["rt60"], rel=0.25)
        assert np.abs(response(folder, row)).max() == pytest.approx(1, abs=1e-6)


def test_sound_comes_straight_at_its_speed(rooms):
    place = Place(np.array([5, 4, 3]), 0.3, np.array([1, 1, 1]), np.array([4, 1, 1]), None)
    heard = room_simulation.simulate(place, RATE, [0])
    assert np.argmax(np.abs(heard)) == pytest.approx(RATE * 3 / 343, abs=1)


def test_the_table_tells_of_every_file(rooms):
    folder, rows = rooms
    with (folder / "rooms.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [{k: str(v) for k, v in row.items()} for row in rows] == table
    assert {row["file"] for row in table} == {path.name for path in folder.glob("*.flac")}


def test_a_stopped_run_goes_on_and_jobs_make_no_difference(rooms, tmp_path):
    folder, rows = rooms
    room_simulation.make_rooms(tmp_path, Settings(RATE, seed=0), count=1)
    (tmp_path / "room000003.flac").write_bytes((folder / "room000003.flac").read_bytes())
    made = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*.flac"))]
    again = room_simulation.make_rooms(tmp_path, Settings(RATE, seed=0), count=4, jobs=2)
    assert again == rows
    now = sorted(tmp_path.glob("*.flac"))
    assert [path.stat().st_mtime_ns for path in (now[0], now[3])] == made
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_rooms_of_other_settings_are_not_mixed(rooms):
    with pytest.raises(UserError, match="other settings"):
        room_simulation.make_rooms(rooms[0], Settings(RATE, seed=1), count=1)


def test_places_are_where_they_may_be():
    settings = Settings(RATE, 0, sides=((1.5, 2), (1.5, 8), (2.5, 4)), cardioid=0.5)
    places = [room_simulation.draw(settings, np.random.default_rng(seed)) for seed in range(300)]
    for place in places:
        for point in place.source, place.microphone:
            assert (point >= 0.5).all() and (point <= place.sides - 0.5).all()
        assert np.linalg.norm(place.source - place.microphone) >= 0.5
        assert 0 < place.absorption < 1 and 0.1 <= place.rt60 <= 1
    omni = np.mean([place.azimuth is None for place in places])
    assert omni == pytest.approx(0.5, abs=0.1)


def test_impossible_rooms_are_refused():
    with pytest.raises(UserError, match="--length"):
        Settings(RATE, 0, sides=((1, 2), (3, 4), (3, 4)))
    with pytest.raises(UserError, match="--rt60"):
        Settings(RATE, 0, rt60=(0.0, 1.0))
