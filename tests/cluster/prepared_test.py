"""A cluster prepares a corpus as one process does."""

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.folder_lock import LOCK

pytest.importorskip("apache_beam", reason="Apache Beam is not installed: tfsr[beam]")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: tfsr[train]")

from tfsr.cluster import prepared  # noqa: E402
from tfsr.cluster.beam import Cluster  # noqa: E402
from tfsr.data import shards  # noqa: E402
from tfsr.data.corpora import Folder  # noqa: E402
from tfsr.data.shards import prepare  # noqa: E402

RATE = 8000


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Recordings of two speakers, one without a high band, and one that cannot be read."""
    root = tmp_path_factory.mktemp("source")
    random = np.random.default_rng(0)
    for number in range(16):
        audio = random.normal(0, 0.1, (random.integers(300, 900), 1)).astype(np.float32)
        audio_file.write(root / f"s{number % 2}" / f"{number}.wav", audio, RATE)
    slow = np.sin(np.arange(4000) / 40)[:, np.newaxis].astype(np.float32)
    audio_file.write(root / "s0/narrow.wav", slow, RATE)
    (root / "s1/broken.wav").write_text("no sound")
    return root


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def on_a_cluster(*options: str):
    return prepared.on(Cluster("DirectRunner", options))


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("expected")
    assert prepare(Folder(source), folder, RATE, shard_bytes=4000) == (16, 2)
    made = contents(folder)
    assert sum(name.endswith(".tfrecord") for name in made) > 3
    return made


def test_the_folder_is_the_same(source, tmp_path, expected):
    options = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    made = prepare(Folder(source), tmp_path, RATE, shard_bytes=4000, write=on_a_cluster(*options))
    assert made == (16, 2)
    assert contents(tmp_path) == expected


class Died(BaseException):
    """No exception that a recording could raise."""


def test_what_a_cluster_began_goes_on_there_or_here(source, tmp_path, monkeypatch, expected):
    write = shards.ShardWriter.__call__
    done = []

    def some(self, shard, progress=None):
        if len(done) == 2:
            (self.folder / ".audio-00002.tfrecord.1f.part").write_bytes(b"half")
            raise Died
        write(self, shard, progress)
        done.append(shard.number)

    for number, last in enumerate((None, on_a_cluster())):
        folder = tmp_path / str(number)
        done.clear()
        with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="Died"):
            patched.setattr(shards.ShardWriter, "__call__", some)
            prepare(Folder(source), folder, RATE, shard_bytes=4000, write=on_a_cluster())
        assert not (folder / shards.MANIFEST).exists()
        before = {name: data for name, data in contents(folder).items() if name != LOCK}
        assert len([name for name in before if name.endswith(".tfrecord")]) == 2
        prepare(Folder(source), folder, RATE, shard_bytes=4000, write=last)
        assert contents(folder) == expected


def test_a_shard_that_is_written_twice_stays_as_it_is(source, tmp_path, expected):
    def twice(writer, lacking):
        for shard in lacking:
            writer(shard)
            written = (tmp_path / f"audio-{shard.number:05d}.tfrecord").stat()
            writer(shard)
            assert (tmp_path / f"audio-{shard.number:05d}.tfrecord").stat() == written

    prepare(Folder(source), tmp_path, RATE, shard_bytes=4000, write=twice)
    assert contents(tmp_path) == expected
