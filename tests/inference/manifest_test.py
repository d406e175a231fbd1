import json
from pathlib import Path

import pytest

from tfsr.errors import UserError
from tfsr.inference import manifest
from tfsr.inference.manifest import Record

TORN = b'{\n "tfsr": "1.0",\n "files": [\n  {"target": 1}'


def test_only_an_older_manifest_is_replaced(tmp_path):
    path = tmp_path / "done.json"
    manifest.read(path)
    for records in [], [Record("a.wav", "b.wav", faults=("is cut",))]:
        manifest.write(path, records)
        assert list(manifest.read(path).values()) == records


@pytest.mark.parametrize(
    "content", [b"RIFF", b"", b'{"tfsr": "1.0"}', b'{\n "tfsr": "1.0"\n}', TORN]
)
def test_nothing_else_is(tmp_path, content):
    path = tmp_path / "done.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="done.json: is there and is no manifest; give another"):
        manifest.read(path)


@pytest.mark.parametrize("path", ["/dev/null", "/"])
def test_nor_what_is_no_file(path):
    with pytest.raises(UserError, match=f"{path}: is there and is no manifest"):
        manifest.read(path)


def test_nor_a_link_to_nothing(tmp_path):
    (tmp_path / "done.json").symlink_to("gone")
    with pytest.raises(UserError, match="is no manifest"):
        manifest.read(tmp_path / "done.json")


def test_rf64_is_told():
    told = Record("a.wav", "b.wav", container="RF64", source_rate=8000, output_rate=16_000)
    assert "b.wav: is RF64, for plain WAV ends at 4 GiB" in str(told).splitlines()


def test_what_is_written(tmp_path):
    manifest.write(Path(tmp_path, "done.json"), [Record("a.wav", "b.wav", error="gone")])
    content = json.loads((tmp_path / "done.json").read_text())
    assert content["files"][0]["error"] == "gone" and content["left"] == []


def test_what_is_skipped_keeps_what_was_told_of_it(tmp_path):
    path = tmp_path / "done.json"
    made, failed = Record("a.wav", "b.wav", seed=3), Record("c.wav", "d.wav", error="gone")
    manifest.write(path, [made, failed])
    again = [Record("a.wav", "b.wav", skipped=True), Record("c.wav", "d.wav", skipped=True)]
    manifest.write(path, again, earlier=manifest.read(path))
    assert list(manifest.read(path).values()) == [
        Record("a.wav", "b.wav", seed=3, skipped=True),
        again[1],
    ]


def test_records_of_other_versions_are_read(tmp_path):
    path = tmp_path / "done.json"
    manifest.write(path, [Record("a.wav", "b.wav")])
    path.write_text(path.read_text().replace('"source":', '"loudness": -23, "source":'))
    assert list(manifest.read(path)) == ["b.wav"]
