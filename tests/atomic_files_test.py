import os

import pytest

from tfsr.atomic_files import write_text
from tfsr.errors import UserError


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "index.html"
    write_text(path, "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(UserError, match="index.html.*full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["index.html"]


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "scores.json").mkdir()
    with pytest.raises(UserError, match="scores.json"):
        write_text(tmp_path / "scores.json", "{}")


def test_a_pipe_in_the_way_stays_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: is a device or a pipe; give a file name"):
        write_text(tmp_path / "pipe", "{}")
    assert (tmp_path / "pipe").is_fifo()
