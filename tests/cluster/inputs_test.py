"""Recordings are found in all file systems, and their outputs named as `tfsr upsample` does."""

import os
from pathlib import Path

import pytest

from tfsr.errors import UserError
from tfsr.inference.output_paths import plan

pytest.importorskip("apache_beam", reason="Apache Beam is not installed: tfsr[beam]")

from tfsr.cluster import inputs  # noqa: E402

TREE = (
    *("a.wav", "a.mp3", "b.FLAC", "deep/er/c.ogg", "deep/a.wav", "deep/d.tfsr.wav"),
    *("notes.txt", ".hidden.wav", ".hidden/e.wav", "f.opus", "f.m4a"),
)


@pytest.fixture
def tree(tmp_path) -> Path:
    for name in TREE:
        (tmp_path / "tapes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tapes" / name).write_bytes(b"")
    return tmp_path / "tapes"


@pytest.fixture
def bucket(files) -> str:
    files.update({f"mem://bucket/tapes/{name}": b"" for name in TREE})
    return "mem://bucket/tapes"


def named(names, out="/wide", recursive=True, extension=None) -> dict[str, str]:
    found, _ = inputs.find(names, out, recursive)
    return {job.source: job.target for job in inputs.jobs(found, out, extension)}


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize("extension", [None, ".flac"])
def test_a_folder_is_mirrored_as_upsample_mirrors_it(tree, tmp_path, recursive, extension):
    out = tmp_path / "wide"
    jobs, left = plan([str(tree)], str(out), extension, recursive)
    expected = {str(job.source): str(job.target.relative_to(out)) for job in jobs}
    assert len(expected) > 4
    assert named([str(tree)], str(out), recursive, extension) == expected
    assert [one.path for one in inputs.find([str(tree)], str(out), recursive)[1]] == [
        str(one.path) for one in left
    ]


@pytest.mark.parametrize("recursive", [True, False])
def test_a_bucket_is_mirrored_as_a_folder_is(tree, bucket, recursive):
    local = named([str(tree)], recursive=recursive)
    expected = {source.replace(str(tree), bucket): target for source, target in local.items()}
    assert named([bucket], recursive=recursive) == expected
    assert named([f"{bucket}/"], recursive=recursive) == expected


def test_other_files_of_a_bucket_are_told(bucket):
    _, left = inputs.find([bucket], "/wide")
    reasons = {one.path.removeprefix(f"{bucket}/"): one.reason for one in left}
    assert reasons == {
        "notes.txt": "has no audio file's extension",
        "deep/d.tfsr.wav": "was written before",
    }


def test_a_pattern_is_mirrored_from_its_last_folder_without_wildcard(tree, bucket):
    for root in (str(tree), bucket):
        assert named([f"{root}/*.wav"]) == {f"{root}/a.wav": "a.wav"}
        assert named([f"{root}/**.wav"]) == {
            f"{root}/a.wav": "a.wav",
            f"{root}/deep/a.wav": "deep/a.wav",
        }
        assert named([f"{root}/deep/*/*"]) == {f"{root}/deep/er/c.ogg": "er/c.ogg"}


def test_a_file_with_a_wildcard_in_its_name_is_a_file(tmp_path):
    (tmp_path / "call[1].wav").write_bytes(b"")
    (tmp_path / "call1.wav").write_bytes(b"")
    name = str(tmp_path / "call[1].wav")
    assert named([name]) == {name: "call[1].wav"}


def test_one_file(tree, bucket):
    assert named([f"{bucket}/deep/a.wav"]) == {f"{bucket}/deep/a.wav": "a.wav"}
    url = f"file://{tree}/deep/er/c%2eogg"
    assert named([url]) == {str(tree / "deep/er/c.ogg"): "c.ogg"}


def test_outputs_inside_the_input_are_no_inputs(tree, bucket, files):
    (tree / "wide").mkdir()
    (tree / "wide" / "a.wav").write_bytes(b"")
    files[f"{bucket}/wide/a.wav"] = b""
    for root in (str(tree), bucket):
        assert f"{root}/wide/a.wav" not in named([root], f"{root}/wide")
        assert f"{root}/wide/a.wav" in named([root], "/elsewhere")


def test_a_list_is_mirrored_from_the_folder_that_its_recordings_share(tmp_path, files):
    wanted = {"p1/a.wav": "p1/a.wav", "p2/a.wav": "p2/a.wav"}
    for root in ("mem://bucket/tapes", str(tmp_path)):
        files["mem://lists/all.txt"] = "".join(f"{root}/{one}\n\n" for one in wanted).encode()
        found = inputs.listed("mem://lists/all.txt")
        made = {job.source: job.target for job in inputs.jobs(found, "/wide")}
        assert made == {f"{root}/{one}": target for one, target in wanted.items()}


def test_names_of_a_list_may_be_no_text(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"/tapes/caf\xe9.wav\n")
    (found,) = inputs.listed(str(tmp_path / "list.txt"))
    assert os.fsencode(found.source) == b"/tapes/caf\xe9.wav"


def test_names_of_a_list_are_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("../x/a.wav\nb.wav\n")
    jobs = inputs.jobs(inputs.listed("list.txt"), "/wide")
    assert [job.source for job in jobs] == [
        os.path.abspath("../x/a.wav"),
        os.path.abspath("b.wav"),
    ]
    assert [job.target for job in jobs] == ["x/a.wav", f"{tmp_path.name}/b.wav"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n", "list.txt: names no recordings"),
        ("mem://a/x.wav\nmem://b/x.wav\n", "list.txt: its recordings share no folder"),
        ("mem://a/x.wav\n/tapes/x.wav\n", "list.txt: its recordings share no folder"),
    ],
)
def test_lists_that_are_refused(tmp_path, content, message):
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        inputs.listed(str(tmp_path / "list.txt"))


@pytest.mark.parametrize(
    ("names", "out", "message"),
    [
        (["mem://bucket/tapes"], "mem://bucket/tapes", "a.wav: is an input and would be"),
        (["mem://bucket/tapes/a.wav", "mem://bucket/tapes/deep/a.wav"], "/wide", "both become"),
        (["mem://bucket/nothing"], "/wide", "mem://bucket/nothing: no audio files there"),
        (["mem://bucket/tapes/*.xyz"], "/wide", r"\*.xyz: no audio files there"),
        (["s4://bucket/a.wav"], "/wide", "s4://bucket/a.wav: Beam cannot read s4://"),
        (["/nowhere/a.wav"], "/wide", "/nowhere/a.wav: no such file or folder"),
    ],
)
def test_inputs_that_are_refused(bucket, names, out, message):
    with pytest.raises(UserError, match=message):
        named(names, out)


def test_no_output_lies_outside_of_its_folder(files):
    files["mem://list.txt"] = b"mem://bucket/a.wav\nmem://bucket/../../b.wav\n"
    with pytest.raises(UserError, match=r"b.wav: has a folder named \.\."):
        inputs.jobs(inputs.listed("mem://list.txt"), "/wide")


def test_an_unknown_format_is_refused(bucket):
    with pytest.raises(UserError, match="--format xyz: is unknown"):
        named([bucket], extension=".xyz")


def test_a_remote_folder_of_outputs_has_no_wildcard():
    assert inputs.output("mem://bucket/wide/") == "mem://bucket/wide"
    assert inputs.output("/wide[1]") == "/wide[1]"
    with pytest.raises(UserError, match="has a wildcard in its name; give another folder"):
        inputs.output("mem://bucket/wide[1]")
