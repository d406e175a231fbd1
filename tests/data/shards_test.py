import json
import os
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from tfsr import audio_file
from tfsr.data import shards
from tfsr.data.corpora import Folder, corpus
from tfsr.data.shards import prepare
from tfsr.errors import UserError
from tfsr.folder_lock import LOCK, folder_lock
from tfsr.signal.framing import trim

RATE = 8000
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    for number in range(24):
        audio = rng.normal(0, 0.1, (rng.integers(1, 900), 1)).astype(np.float32)
        audio_file.write(root / f"s{number % 3}" / f"{number}.wav", audio, RATE)
    # A silent one, whose PCM equals many other bytes, and one of a single sample.
    audio_file.write(root / "silent.wav", np.zeros((50, 1), np.float32), RATE)
    audio_file.write(root / "one.wav", np.zeros((1, 1), np.float32), RATE)
    return root


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_a_prepared_corpus_is_the_source(source, tmp_path):
    assert prepare(Folder(source), tmp_path, shard_bytes=4000) == (26, 0)
    prepared, original = corpus(tmp_path), Folder(source)
    assert len(list(tmp_path.glob("audio-*.tfrecord"))) > 3
    for split in SPLITS:
        pairs = zip(prepared.recordings(split), original.recordings(split), strict=True)
        for one, other in pairs:
            assert (one.name, one.speaker, one.seconds) == (
                other.name,
                other.speaker,
                other.seconds,
            )
            np.testing.assert_array_equal(one.read(RATE), other.read(RATE))
            np.testing.assert_array_equal(one.read(RATE, 3, 9), other.read(RATE, 3, 9))
            np.testing.assert_array_equal(one.read(2 * RATE), other.read(2 * RATE))
            assert one.seekable(RATE) and not one.seekable(2 * RATE)


def test_the_licence_goes_with_the_recordings(source, tmp_path):
    free = shutil.copytree(source, tmp_path / "free")
    (free / "LICENSE").write_text("CC0\n")
    prepare(Folder(free), tmp_path / "out")
    assert corpus(tmp_path / "out").licence == "CC0"


def test_the_shards_are_ordinary_tfrecords(source, tmp_path):
    prepare(Folder(source), tmp_path, shard_bytes=4000)
    features = {
        "audio": tf.io.FixedLenFeature([], tf.string),
        "name": tf.io.FixedLenFeature([], tf.string),
        "speaker": tf.io.FixedLenFeature([], tf.string),
        "rate": tf.io.FixedLenFeature([], tf.int64),
    }
    found = {}
    for record in tf.data.TFRecordDataset(sorted(map(str, tmp_path.glob("*.tfrecord")))):
        example = tf.io.parse_single_example(record, features)
        found[example["name"].numpy().decode()] = example
    listed = rows(tmp_path)
    assert set(found) == {row["name"] for row in listed}
    for row in listed:
        example = found[row["name"]]
        assert example["speaker"].numpy().decode() == row["speaker"]
        assert example["rate"].numpy() == row["rate"] == RATE
        pcm = (tmp_path / row["shard"]).read_bytes()[row["offset"] :][: 2 * row["samples"]]
        assert example["audio"].numpy() == pcm


def test_resampled_on_the_way(source, tmp_path):
    prepare(Folder(source), tmp_path, rate=16000, full_band=False)
    pairs = zip(
        corpus(tmp_path).recordings("train"), Folder(source).recordings("train"), strict=True
    )
    for one, other in pairs:
        assert (one.rate, one.samples) == (16000, other.length(16000))
        np.testing.assert_allclose(one.read(16000), other.read(16000), rtol=0, atol=1 / 2**16)


def test_loud_samples_clip(tmp_path):
    audio = np.array([[3.0], [-3.0], [0.5]], np.float32)
    audio_file.write(tmp_path / "in" / "a.wav", audio, RATE, "FLOAT")
    prepare(Folder(tmp_path / "in"), tmp_path / "out")
    (recording,) = corpus(tmp_path / "out").recordings("train")
    np.testing.assert_allclose(recording.read(RATE), [1, -1, 0.5], rtol=0, atol=1 / 2**15)


def test_a_recording_in_two_splits_is_stored_once(tmp_path):
    for number in (1, 2, 355):
        path = tmp_path / "in/wav48/p225" / f"p225_{number:03d}.wav"
        audio_file.write(path, np.zeros((9, 1), np.float32), RATE)
    prepare(corpus(tmp_path / "in"), tmp_path / "out")
    held_out = [row for row in rows(tmp_path / "out") if row["split"] != "train"]
    assert [row["split"] for row in held_out] == ["validation", "test"]
    assert held_out[0]["offset"] == held_out[1]["offset"]
    assert len(corpus(tmp_path / "out").recordings("train")) == 2


def test_broken_files_are_counted_also_when_resumed(source, tmp_path, caplog):
    for number in range(4):
        audio_file.write(tmp_path / f"in/{number}.wav", np.zeros((9, 1), np.float32), RATE)
    (tmp_path / "in/text.wav").write_text("text")
    audio_file.write(tmp_path / "in/bad.wav", np.full((9, 1), np.nan, np.float32), RATE, "FLOAT")
    for _ in range(2):
        assert prepare(Folder(tmp_path / "in"), tmp_path / "out") == (4, 2)
    assert any("bad.wav: a sample is NaN" in message for message in caplog.messages)
    skipped = (tmp_path / "out" / "skipped.txt").read_text()
    assert "text.wav" in skipped and "bad.wav" in skipped


def test_nothing_usable_leaves_nothing(tmp_path):
    audio_file.write(tmp_path / "in/a.wav", np.full((9, 1), np.nan, np.float32), RATE, "FLOAT")
    with pytest.raises(UserError, match="nothing written"):
        prepare(Folder(tmp_path / "in"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK]  # which is empty


def test_silence_at_the_ends_is_cut_off(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 4096)
    audio = np.concatenate([np.zeros(9000), sound, 0.01 * sound, np.zeros(7000)])
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        audio_file.write(tmp_path / "in" / f"{name}.wav", audio[:, np.newaxis], 8000, "FLOAT")
    prepare(Folder(tmp_path / "in"), tmp_path / "out", trim_db=15.0)
    kept, *_ = corpus(tmp_path / "out").recordings("train")
    expected = trim(np.float32(audio), 15.0)
    assert 4096 <= kept.samples == expected.size < 8192
    np.testing.assert_allclose(kept.read(8000), expected, atol=1 / 2**15)


def test_another_preparation_is_not_overwritten(source, tmp_path):
    prepare(Folder(source), tmp_path)
    before = contents(tmp_path)
    for other in [{"rate": 4000}, {"shard_bytes": 1000}, {"trim_db": 15.0}]:
        with pytest.raises(UserError, match="holds another preparation"):
            prepare(Folder(source), tmp_path, **other)
    with pytest.raises(UserError, match="holds another preparation"):
        prepare(Folder(source, held_out=0.8), tmp_path)
    assert contents(tmp_path) == before


def test_an_unwritable_folder(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        prepare(Folder(source), tmp_path / "file" / "out")


def test_a_damaged_shard_is_told(source, tmp_path):
    prepare(Folder(source), tmp_path)
    (shard,) = tmp_path.glob("*.tfrecord")
    os.truncate(shard, 100)
    with pytest.raises(UserError, match="is shorter than manifest.jsonl says"):
        [recording.read(RATE) for recording in corpus(tmp_path).recordings("train")]


class Stopped(BaseException):
    pass


def test_stopped_at_every_step_and_gone_on(source, tmp_path, monkeypatch):
    prepare(Folder(source), tmp_path / "whole", shard_bytes=4000)
    expected = contents(tmp_path / "whole")
    real = os.replace
    stops = 0

    def stop_now_and_then(part, path):
        nonlocal stops
        stops += 1
        if stops % 3 == 1:  # before the renaming
            raise Stopped
        real(part, path)
        if stops % 3 == 0:  # after it
            raise Stopped

    monkeypatch.setattr(shards.os, "replace", stop_now_and_then)
    for _ in range(100):
        try:
            prepare(Folder(source), tmp_path / "stopped", shard_bytes=4000)
            break
        except Stopped:
            pass
    assert stops > 10
    assert contents(tmp_path / "stopped") == expected


PROGRAM = """
import sys
from tfsr.data import shards
from tfsr.data.corpora import Folder
import time
make = shards._Making.__call__
def slowly(making, item):
    time.sleep(0.05)
    return make(making, item)
shards._Making.__call__ = slowly
shards.prepare(Folder(sys.argv[1]), sys.argv[2], shard_bytes=4000)
"""


def test_two_at_once_are_refused(source, tmp_path):
    told = pytest.raises(UserError, match="out: another preparation is at work there; wait for")
    with folder_lock(tmp_path / "out", "preparation"), told:
        prepare(Folder(source), tmp_path / "out")


def test_killed_and_gone_on(source, start, tmp_path):
    prepare(Folder(source), tmp_path / "whole", shard_bytes=4000)
    killed = tmp_path / "killed"
    program = start("-c", PROGRAM, source, killed)
    while not list(killed.glob("audio-00001.tfrecord")):
        assert not program.over, "it is too fast to be killed"
        time.sleep(0.01)
    program.kill()
    assert not (killed / "manifest.jsonl").exists()
    prepare(Folder(source), killed, shard_bytes=4000)
    assert contents(killed) == contents(tmp_path / "whole")
