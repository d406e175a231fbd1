import multiprocessing
import os

import pytest

from tfsr.atomic_files import new_file, new_folder, replaced_folder, require_file, write_text
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


def test_a_folder_without_a_name_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = pytest.raises(UserError, match="give the name of the file or folder to write")
    with told, new_folder("."):
        pass


def test_a_pipe_in_the_way_stays_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: is a device or a pipe; give a file name"):
        write_text(tmp_path / "pipe", "{}")
    assert (tmp_path / "pipe").is_fifo()


def wait_within(kind, path, inside):
    with kind(path):
        inside.set()
        multiprocessing.Event().wait()


@pytest.mark.parametrize("kind", [new_file, new_folder, replaced_folder])
def test_what_a_killed_process_has_left_goes_and_what_a_living_one_writes_stays(tmp_path, kind):
    context = multiprocessing.get_context("fork")
    programs = []
    for _ in range(2):
        inside = context.Event()
        programs.append(context.Process(target=wait_within, args=(kind, tmp_path / "a", inside)))
        programs[-1].start()
        assert inside.wait(60)
    dead, living = programs
    dead.kill()
    dead.join()
    left = {f".a.{program.pid}.part" for program in programs}
    assert set(os.listdir(tmp_path)) == left
    with kind(tmp_path / "a"):
        assert f".a.{dead.pid}.part" not in os.listdir(tmp_path)
    living_part = f".a.{living.pid}.part"
    assert set(os.listdir(tmp_path)) == {"a", living_part}
    living.kill()
    living.join()


def test_only_leftovers_of_the_same_name_go(tmp_path):
    others = {".a.b.12.part", ".ab.12.part", ".a.part", ".a.12.part.new", "a.12.part"}
    for name in others | {".a.12.part", f".a.{os.getpid()}.part"}:
        (tmp_path / name).touch()
    write_text(tmp_path / "a", "whole")
    assert set(os.listdir(tmp_path)) == others | {"a"}


def test_a_folder_that_was_about_to_be_replaced_is_not_lost(tmp_path):
    """Of a process that was killed after it had moved the old one, and of one killed later."""
    for number in 12, 13:
        (tmp_path / f".a.{number}.part.old").mkdir()
        (tmp_path / f".a.{number}.part.old" / "weights").touch()
    with pytest.raises(KeyboardInterrupt), replaced_folder(tmp_path / "a"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["a"]
    assert os.listdir(tmp_path / "a") == ["weights"]


def test_two_in_one_process_do_not_share_what_they_write(tmp_path):
    with new_file(tmp_path / "a") as part:
        with pytest.raises(UserError, match="a: cannot be written .File exists"):
            write_text(tmp_path / "a", "other")
        part.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"


@pytest.mark.parametrize("name, told", [(".", "is a folder"), ("a.wav", "exists and is no .html")])
def test_what_could_not_be_written_is_told_before(tmp_path, monkeypatch, name, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").touch()
    with pytest.raises(UserError, match=f"{name}: {told}"):
        require_file(name, [".html"])


def test_nor_in_a_folder_that_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=f"nor can anything in {tmp_path}"):
        require_file(tmp_path / "new" / "a.html", [".html"])


@pytest.mark.parametrize("name", ["a.HTML", "b.html", "c", "new/d.wav"])
def test_what_can_be_written(tmp_path, name):
    (tmp_path / "a.HTML").touch()
    require_file(tmp_path / name, [".html"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.HTML"]
