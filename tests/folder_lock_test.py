import multiprocessing

import pytest

from tfsr.errors import UserError
from tfsr.folder_lock import folder_lock


def take(run_dir, taken):
    with folder_lock(run_dir, "training"):
        taken.set()
        multiprocessing.Event().wait()


def test_a_second_is_refused_until_the_first_is_killed(tmp_path):
    context = multiprocessing.get_context("fork")
    taken = context.Event()
    first = context.Process(target=take, args=(tmp_path / "run", taken))
    first.start()
    assert taken.wait(60)
    refused = pytest.raises(UserError, match="run: another training is at work there; wait for its")
    with refused, folder_lock(tmp_path / "run", "training"):
        pass
    first.kill()
    first.join()
    with folder_lock(tmp_path / "run", "training"):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused = pytest.raises(
        UserError, match="file/run: cannot be written .*; choose another folder"
    )
    with refused, folder_lock(tmp_path / "file" / "run", "training"):
        pass
