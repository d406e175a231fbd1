import json
from pathlib import Path

import pytest

from tfsr.errors import UserError
from tfsr.inference import manifest
from tfsr.inference.manifest import Record


def test_only_an_older_manifest_is_replaced(tmp_path):
    path = tmp_path / "done.json"
    manifest.check_target(path)
    for records in [], [Record("a.wav", "b.wav")]:
        manifest.write(path, records)
        manifest.check_target(path)


@pytest.mark.parametrize("content", [b"RIFF", b"", b'{"tfsr": "1.0"}', b'{\n "tfsr": "1.0"\n}'])
def test_nothing_else_is(tmp_path, content):
    path = tmp_path / "done.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="done.json: is there and is no manifest; give another"):
        manifest.check_target(path)


@pytest.mark.parametrize("path", ["/dev/null", "/"])
def test_nor_what_is_no_file(path):
    with pytest.raises(UserError, match=f"{path}: is there and is no manifest"):
        manifest.check_target(path)


def test_nor_a_link_to_nothing(tmp_path):
    (tmp_path / "done.json").symlink_to("gone")
    with pytest.raises(UserError, match="is no manifest"):
        manifest.check_target(tmp_path / "done.json")


def test_rf64_is_told():
    told = Record("a.wav", "b.wav", container="RF64", source_rate=8000, output_rate=16_000)
    assert "b.wav: is RF64, for plain WAV ends at 4 GiB" in str(told).splitlines()


def test_what_is_written(tmp_path):
    manifest.write(Path(tmp_path, "done.json"), [Record("a.wav", "b.wav", error="gone")])
    content = json.loads((tmp_path / "done.json").read_text())
    assert content["files"][0]["error"] == "gone" and content["left"] == []
