import os

import pytest

from tfsr import audio_file
from tfsr.errors import UserError


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    for name in "a.wav", "closed/b.wav", "open/c.wav":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listed = os.listdir

    def listdir(folder):
        if os.fspath(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "listdir", listdir)
    found, left = audio_file.search(tmp_path)
    assert [path.name for path in found] == ["a.wav", "c.wav"]
    closed = tmp_path / "closed"
    assert left == [(closed, "cannot be read (Permission denied)", True)]
    for folder in tmp_path, closed:
        with pytest.raises(UserError, match=r"closed: cannot be read \(Permission denied\)"):
            audio_file.find(folder)
