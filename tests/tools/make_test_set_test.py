import csv
import hashlib
import types

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.data.corpora import Folder
from tfsr.data.pipeline import Patches
from tfsr.degradation.chain import Chain
from tfsr.degradation.decimation import Decimate
from tfsr.degradation.effects import Clip
from tfsr.errors import UserError
from tfsr.evaluation.test_set import Pairs

RATE = 16000


@pytest.fixture(scope="module")
def tool(tool_named):
    return tool_named("make_test_set")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two recordings to test with, of a second and of a tenth of one, clipped at random."""
    folder = tmp_path_factory.mktemp("corpus")
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, [RATE, 1]).astype(np.float32)
    for name, part in (("train/x", noise), ("test/a", noise), ("test/b", noise[: RATE // 10])):
        audio_file.write(folder / f"{name}.wav", part, RATE)
    chain = Chain((Clip((1.0, 4.0)), Decimate()))
    return Patches(Folder(folder), chain, RATE // 2, RATE, patch=100)


def make(tool, data, folder, items=5, seed=0):
    chosen = tool.excerpts(data.recordings("test"), items, seconds=0.25, seed=seed)
    return tool.make_test_set(folder, data, chosen, seed)


def test_pairs_and_their_list(tool, data, tmp_path):
    told = make(tool, data, tmp_path / "set")
    text = (tmp_path / "set" / "items.csv").read_bytes()
    rows = list(csv.DictReader(text.decode().splitlines()))
    assert hashlib.sha256(text).hexdigest() in told
    assert "5 items of Chain" in told
    assert [row["source"] for row in rows] == [f"test/{x}.wav" for x in "ababa"]
    assert [float(row["seconds"]) for row in rows] == [0.25, 0.1, 0.25, 0.1, 0.25]
    assert len({row["low"] for row in rows}) == len({row["begin"] for row in rows} - {"0.0"}) + 2
    items = list(Pairs(tmp_path / "set" / "low", tmp_path / "set" / "high").items(RATE // 2, RATE))
    for row, item in zip(rows, items, strict=True):
        assert item.name == row["file"]
        assert item.high.size == 2 * item.low.size == float(row["seconds"]) * RATE
        for column, signal in (("low", item.low), ("high", item.high)):
            assert hashlib.sha256(signal.astype("<f4").tobytes()).hexdigest() == row[column]
    whole = data.recordings("test")[0].read(RATE)
    first = int(float(rows[2]["begin"]) * RATE)
    np.testing.assert_allclose(items[2].high, whole[first : first + RATE // 4], atol=2**-23)


def test_the_seed_alone_decides(tool, data, tmp_path):
    listed = [
        (make(tool, data, tmp_path / name, seed=seed), (tmp_path / name / "items.csv").read_text())[
            1
        ]
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    ]
    assert listed[0] == listed[1] != listed[2]


def test_more_items_begin_with_the_same(tool, data):
    few, many = (tool.excerpts(data.recordings("test"), items, 0.25, 0) for items in (3, 6))
    assert many[:3] == few


def test_the_first_recording_of_each_speaker(tool):
    names = {"a/1": "a", "b/1": "b", "a/2": "a", "b/2": "b"}
    recordings = [types.SimpleNamespace(name=name, speaker=of) for name, of in names.items()]
    assert [one.name for one in tool.first_of_speakers(recordings)] == ["a/1", "b/1"]


def test_a_peak_before_the_damage(tool, data, tmp_path):
    chosen = tool.excerpts(data.recordings("test"), 1, 0.25, seed=0)
    tool.make_test_set(tmp_path, data, chosen, 0, peak=0.1)
    (item,) = Pairs(tmp_path / "low", tmp_path / "high").items(RATE // 2, RATE)
    assert np.max(np.abs(item.high)) == pytest.approx(0.1, abs=1e-6)
    assert np.max(np.abs(item.low)) < 0.11


def test_a_set_is_not_written_over(tool, data, tmp_path):
    make(tool, data, tmp_path)
    with pytest.raises(UserError, match="holds a test set already"):
        make(tool, data, tmp_path)


def test_what_would_be_clipped_is_refused(tool, tmp_path):
    with pytest.raises(UserError, match=r"a\.flac: would be clipped"):
        tool.save(tmp_path / "a.flac", np.float32([0.5, -1.1]), RATE)
    assert not (tmp_path / "a.flac").exists()


@pytest.mark.parametrize(("items", "seconds", "seed"), [(0, 1.0, 0), (1, 0.0, 0), (1, 1.0, -1)])
def test_settings_out_of_range(tool, data, items, seconds, seed):
    with pytest.raises(UserError, match="an item at least"):
        tool.excerpts(data.recordings("test"), items, seconds, seed)
