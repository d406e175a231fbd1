"""Each recording is upsampled exactly once, whatever happens meanwhile."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tfsr import presets
from tfsr.errors import UserError
from tfsr.file_command import Loader
from tfsr.folder_lock import folder_lock
from tfsr.inference import manifest
from tfsr.inference.file_jobs import Request
from tfsr.inference.output_paths import plan

pytest.importorskip("apache_beam", reason="Apache Beam is not installed: tfsr[beam]")

from tfsr.cluster import bulk, inputs  # noqa: E402
from tfsr.cluster.beam import Cluster  # noqa: E402

NAMES = ("a.wav", "deep/b.flac", "deep/er/c.wav", "d.ogg")


def noise(seed: int, rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, [int(rate * seconds), channels])


@pytest.fixture(scope="module")
def tapes(tmp_path_factory) -> Path:
    """Recordings of several kinds, one with tags, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("tapes")
    for seed, (name, rate, channels) in enumerate(
        zip(NAMES, (8000, 16000, 8000, 8000), (1, 2, 1, 1), strict=True)
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, noise(seed, rate, 0.4, channels), rate)
    with soundfile.SoundFile(folder / "a.wav", "w", 8000, 1) as file:
        file.title = "a call"
        file.write(noise(0, 8000, 0.4))
    (folder / "broken.wav").write_text("no sound")
    return folder


def request(**how) -> Request:
    return Request(Loader(threads=1), presets.suited, bandwidth_hz=4000, **how)


def run(source, out, made: Request | None = None, *options: str) -> bulk.Outcome:
    found, left = inputs.find([str(source)], str(out))
    jobs = inputs.jobs(found, str(out))
    return bulk.bulk(made or request(), jobs, left, str(out), Cluster("DirectRunner", options))


def tree(folder: Path) -> dict[str, bytes]:
    """The files of a folder but for hidden ones, by path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder): path for path in paths}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in names.items()
        if not name.parts[0].startswith(".")
    }


def shards(files: dict[str, bytes], kind: str) -> list[dict]:
    names = sorted(name for name in files if name.startswith(kind))
    return [json.loads(line) for name in names for line in files[name].splitlines()]


@pytest.fixture(scope="module")
def expected(tapes, tmp_path_factory) -> tuple[dict[str, bytes], list[dict]]:
    """What `tfsr upsample` makes: files, and entries of its manifest with targets below it."""
    out = tmp_path_factory.mktemp("expected")
    jobs, _ = plan([str(tapes)], str(out))
    made = request()
    records = [made.upsample(job, lambda share: None) for job in jobs]
    text = str(out)
    entries = [json.loads(json.dumps(dataclasses.asdict(record))) for record in records]
    return tree(out), [entry | {"target": entry["target"].replace(text, "")} for entry in entries]


def check(files: dict[str, bytes], out: str, expected, source: tuple[str, str] = ("", "")) -> None:
    sounds, entries = expected
    assert {name: data for name, data in files.items() if name in sounds} == sounds
    others = {"manifest-00000-of-00001.jsonl", "dead-letters-00000-of-00001.jsonl"}
    assert files.keys() - sounds.keys() - {"left-out.jsonl"} == others
    made = [entry | {"target": entry["target"].replace(out, "")} for entry in shards(files, "mani")]
    for entry in made:
        for field in ("source", "error"):
            entry[field] = entry[field] and entry[field].replace(*source)
    assert made == entries
    (dead,) = shards(files, "dead")
    assert dead["source"].endswith("/broken.wav")
    assert dead["error"] == f"{dead['source']}: cannot be read as audio (Format not recognised)"


def test_outputs_and_manifest_are_those_of_upsample(tapes, tmp_path, expected):
    done = run(tapes, tmp_path / "wide")
    assert done.recordings == 5
    assert [reason.partition(": ")[0] for reason in done.failed] == [str(tapes / "broken.wav")]
    check(tree(tmp_path / "wide"), str(tmp_path / "wide"), expected)


@pytest.mark.parametrize("scheme", ["mem", "tree"])
def test_a_bucket_is_processed_as_a_folder_is(tapes, files, expected, scheme):
    source, out = f"{scheme}://bucket/tapes", f"{scheme}://other/wide"
    for name, data in tree(tapes).items():
        files[f"{source}/{name}"] = data
    run(source, out)
    made = {url.removeprefix(f"{out}/"): data for url, data in files.items() if out in url}
    kept = {name: data for name, data in made.items() if not name.startswith(".")}
    check(kept, out, expected, (source, str(tapes)))
    assert {name.split("/")[1] for name in made.keys() - kept.keys()} == {
        "records",
        "settings.json",
    }
    before = dict(files)
    run(source, out)
    assert files == before


def test_names_with_wildcards(tapes, tmp_path):
    source, out = tmp_path / "tapes[1]*", tmp_path / "wide[1]*"
    source.mkdir()
    (source / "a?.wav").write_bytes((tapes / "a.wav").read_bytes())
    (source / "broken.wav").write_text("no sound")
    for _ in range(2):
        done = run(source, out)
        assert done.recordings == 2 and len(done.failed) == 1
    assert {name for name in tree(out) if name.endswith(".wav")} == {"a?.wav"}


def test_what_is_there_is_not_made_again(tapes, tmp_path, expected):
    out = tmp_path / "wide"
    run(tapes, out)
    before = tree(out)
    (out / "deep/b.flac").unlink()
    kept = {name: os.stat(out / name).st_mtime_ns for name in ("a.wav", "deep/er/c.wav")}
    run(tapes, out)
    assert tree(out) == before
    assert {name: os.stat(out / name).st_mtime_ns for name in kept} == kept


def test_a_recording_that_was_repaired_is_done_then(tapes, tmp_path):
    source, out = tmp_path / "tapes", tmp_path / "wide"
    source.mkdir()
    (source / "a.wav").write_text("no sound")
    assert len(run(source, out).failed) == 1
    (source / "a.wav").write_bytes((tapes / "a.wav").read_bytes())
    assert run(source, out) == bulk.Outcome(1, [])
    assert tree(out).keys() == {"a.wav", "manifest-00000-of-00001.jsonl"}


def test_an_output_of_another_program_stays_as_it_is(tapes, tmp_path):
    out = tmp_path / "wide"
    out.mkdir()
    (out / "a.wav").write_bytes(b"mine")
    run(tapes / "a.wav", out)
    (entry,) = shards(tree(out), "manifest")
    assert (out / "a.wav").read_bytes() == b"mine"
    assert (entry["skipped"], entry["error"], entry["system"]) == (True, None, None)


def test_an_output_of_another_recording_is_no_output_of_this_one(tapes, tmp_path):
    run(tapes / "a.wav", tmp_path / "wide")
    (tmp_path / "a.wav").write_bytes((tapes / "deep/er/c.wav").read_bytes())
    (reason,) = run(tmp_path / "a.wav", tmp_path / "wide").failed
    assert reason == (
        f"{tmp_path}/a.wav: {tmp_path}/wide/a.wav is there already, made of {tapes}/a.wav; "
        "give another -o"
    )


@pytest.mark.parametrize("dies_in", ["write_text", "publish"])
def test_a_worker_that_dies_leaves_nothing_that_seems_complete(
    tapes, tmp_path, monkeypatch, expected, dies_in
):
    """Before the record is written, or between that and the rename."""
    out = tmp_path / "wide"

    class Died(BaseException):
        """No exception that a recording could raise."""

    def die(*_):
        raise Died

    with monkeypatch.context() as patched:
        if dies_in == "publish":
            patched.setattr(bulk.beam, "_move", die)
        else:
            write = bulk.beam.write_text
            patched.setattr(
                bulk.beam,
                "write_text",
                lambda place, *rest: die() if "records" in place else write(place, *rest),
            )
        with pytest.raises(RuntimeError, match="Died"):
            run(tapes, out)
        assert not tree(out)
    run(tapes, out)
    check(tree(out), str(out), expected)


def test_a_recording_whose_processing_fails_otherwise_stops_no_other(
    tapes, tmp_path, monkeypatch, expected
):
    upsample = Request.upsample

    def failing(self, job, progress):
        if job.source.name == "d.ogg":
            raise ZeroDivisionError("float division by zero")
        return upsample(self, job, progress)

    monkeypatch.setattr(Request, "upsample", failing)
    failed = run(tapes, tmp_path / "wide").failed
    assert failed[1] == f"{tapes}/d.ogg: ZeroDivisionError: float division by zero"
    made = tree(tmp_path / "wide")
    assert {name for name in expected[0] if name not in made} == {"d.ogg"}


def test_an_element_that_is_done_twice_is_one_entry(tapes, tmp_path, monkeypatch):
    """As after the death of a worker that had finished it."""
    process = bulk.Upsampling.process
    done = []

    def twice(self, job, shared):
        process(self, job, shared)
        done.append(job)
        return process(self, job, shared)

    collect = bulk.Upsampling.collect
    monkeypatch.setattr(bulk.Upsampling, "process", twice)
    monkeypatch.setattr(
        bulk.Upsampling, "collect", lambda self, shard, made: collect(self, shard, [*made, *made])
    )
    run(tapes / "a.wav", tmp_path / "wide")
    (entry,) = shards(tree(tmp_path / "wide"), "manifest")
    assert len(done) == 1 and not entry["skipped"] and entry["seconds"] == 0.4


def test_many_recordings_have_many_shards_in_the_order_of_the_inputs(tapes, tmp_path, monkeypatch):
    out = tmp_path / "wide"
    run(tapes, out)
    whole = shards(tree(out), "manifest")
    monkeypatch.setattr(bulk, "_SHARD", 2)
    run(tapes, out)
    made = tree(out)
    assert shards(made, "manifest") == whole
    assert [name for name in sorted(made) if name.startswith("manifest")] == [
        f"manifest-{shard:05d}-of-00003.jsonl" for shard in range(3)
    ]
    assert len([name for name in made if name.startswith("dead")]) == 1


def test_parts_cover_all_jobs_once(monkeypatch):
    monkeypatch.setattr(bulk, "_SHARD", 10)
    monkeypatch.setattr(bulk, "_MOST_PARTS", 7)
    for jobs in (1, 7, 8, 10, 11, 35, 40):
        parts = bulk._parts(jobs)
        lines = [part.shard * 10 + line for part in parts for line in range(part.begin, part.end)]
        assert lines == list(range(jobs))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 3}, "seed"),
        ({"subtype": "PCM_24", "rescale": True}, "subtype, rescale"),
        ({"system": "telephony-8k-16k"}, "system"),
        ({"load": Loader(["a.b = 3"], 1)}, "bindings"),
    ],
)
def test_other_settings_want_another_folder(tapes, tmp_path, changed, named):
    run(tapes / "a.wav", tmp_path / "wide")
    other = dataclasses.replace(request(), **changed)
    with pytest.raises(UserError, match=f"wide: holds outputs of another {named}; give another"):
        run(tapes / "a.wav", tmp_path / "wide", other)


def test_other_threads_do_not(tapes, tmp_path):
    run(tapes / "a.wav", tmp_path / "wide")
    run(tapes / "a.wav", tmp_path / "wide", dataclasses.replace(request(), load=Loader(threads=2)))


def test_two_at_once_in_one_folder_are_refused(tapes, tmp_path):
    with (
        folder_lock(tmp_path / "wide/.tfsr-bulk", "bulk"),
        pytest.raises(UserError, match="another bulk is at work there"),
    ):
        run(tapes / "a.wav", tmp_path / "wide")


def test_a_model_is_loaded_once_in_a_process(tapes, tmp_path, monkeypatch):
    loaded = []
    load = Loader.__call__

    def counted(self, system):
        loaded.append(system)
        return load(self, system)

    monkeypatch.setattr(Loader, "__call__", counted)
    options = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    run(tapes, tmp_path / "wide", None, *options)
    assert sorted(loaded) == sorted(set(loaded)) and loaded


def test_entries_are_records_of_a_manifest(tapes, tmp_path):
    run(tapes / "a.wav", tmp_path / "wide")
    (entry,) = shards(tree(tmp_path / "wide"), "manifest")
    assert manifest.from_entry(entry).system == "telephony-8k-16k"


def test_names_that_are_no_text_are_kept(tapes, tmp_path):
    name = os.fsdecode(b"caf\xe9 \xff.wav")
    (tmp_path / name).write_bytes((tapes / "a.wav").read_bytes())
    assert run(tmp_path / name, tmp_path / "wide") == bulk.Outcome(1, [])
    assert (tmp_path / "wide" / name).exists()
    (entry,) = shards(tree(tmp_path / "wide"), "manifest")
    assert entry["source"] == str(tmp_path / name)
