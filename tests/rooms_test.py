import functools
import json

import pytest

pytest.importorskip("pyroomacoustics")


@pytest.fixture
def rooms(run):
    return functools.partial(run, "-m", "tfsr.rooms")


def test_rooms_are_made_and_told(rooms, tmp_path):
    done = rooms(tmp_path / "rooms", "--count", "2", "--rate", "8000", "--rt60", "0.2,0.3")
    assert done.returncode == 0
    assert done.stdout.startswith("RT60 measured by wanted: median ")
    settings = json.loads((tmp_path / "rooms/settings.json").read_text())
    assert settings["rate"] == 8000 and settings["rt60"] == [0.2, 0.3]
    assert len(list((tmp_path / "rooms").glob("*.flac"))) == 2


def test_rooms_of_voicefixer_with_a_height_of_ones_own(rooms, tmp_path):
    flags = ["--count=1", "--rate=8000", "--voicefixer", "--height=2.5,2.6"]
    assert rooms(tmp_path / "rooms", *flags).returncode == 0
    settings = json.loads((tmp_path / "rooms/settings.json").read_text())
    assert settings["sides"] == [[3.0, 5.0], [3.0, 5.0], [2.5, 2.6]]
    assert settings["cardioid"] == 1.0


def test_mistakes_are_one_line_and_exit_code_2(rooms, tmp_path):
    for arguments, text in [
        ([], "give one folder"),
        ([tmp_path / "r", "--length", "8,3"], "--length=8,3: give the least and the most"),
        ([tmp_path / "r", "--rt60", "long"], "--rt60=long: give the least and the most"),
        ([tmp_path / "r", "--width", "1,2"], "--width"),
        ([tmp_path / "r", "--rt60", "0,1"], "--rt60"),
        ([tmp_path / "r", "--rate", "100"], "rate"),
    ]:
        done = rooms(*arguments)
        assert done.returncode == 2, arguments
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("tfsr: ") and text in done.stderr
    assert not (tmp_path / "r").exists()
