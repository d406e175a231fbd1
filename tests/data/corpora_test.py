import csv
import hashlib
import json
import logging
from collections import deque
from pathlib import Path

import numpy as np
import pytest

import tfsr.data.bundled
from tfsr import audio_file
from tfsr.data.bundled import Bundled
from tfsr.data.corpora import Folder, Several, corpus
from tfsr.data.prepared import Prepared
from tfsr.data.vctk import Vctk
from tfsr.errors import UserError
from tfsr.signal.resample import resample

SPLITS = ("train", "validation", "test")


def save(root, *names, samples=20, rate=8000, channels=1):
    for name in names:
        audio = np.linspace(-0.5, 0.5, samples * channels, dtype=np.float32)
        audio_file.write(root / name, audio.reshape(samples, channels), rate)


def split_of(a_corpus):
    return {recording.name: split for split in SPLITS for recording in a_corpus.recordings(split)}


def test_microphones_and_equal_words_stay_on_one_side(tmp_path):
    for number in range(30):
        save(tmp_path, f"x/u_{number:03d}_mic1.flac", f"y/u_{number:03d}_mic2.wav")
    split = split_of(Folder(tmp_path, held_out=0.4))
    assert set(split.values()) == set(SPLITS)
    for number in range(30):
        assert split[f"x/u_{number:03d}_mic1.flac"] == split[f"y/u_{number:03d}_mic2.wav"]


def test_a_speaker_stays_on_one_side(tmp_path):
    for speaker in "abcdefgh":
        save(tmp_path, *(f"{speaker}/{speaker}{number}.wav" for number in range(3)))
    folder = Folder(tmp_path, held_out=0.5, by="speaker")
    split = split_of(folder)
    assert set(split.values()) == set(SPLITS)
    for speaker in "abcdefgh":
        assert len({split[f"{speaker}/{speaker}{number}.wav"] for number in range(3)}) == 1
    assert {recording.speaker for recording in folder.recordings("train")} <= set("abcdefgh")


def test_several_corpora_are_one(tmp_path):
    for folder, licence in (("first", "CC0"), ("second", "CC BY 4.0")):
        for speaker in "abcdefgh":
            save(tmp_path, f"{folder}/{speaker}/{speaker}.wav", f"{folder}/{speaker}/2.wav")
        (tmp_path / folder / "LICENSE").write_text(licence)
    (tmp_path / "second" / "broken.wav").write_text("text")
    together = corpus([tmp_path / "first", tmp_path / "second"], by="speaker")
    apart = [Folder(tmp_path / name, by="speaker") for name in ("first", "second")]
    expected = {f"{one.name}/{name}": s for one in apart for name, s in split_of(one).items()}
    assert split_of(together) == expected and len(expected) == 32
    assert together.name == "first + second"
    assert [name for name, _ in together.skipped] == ["second/broken.wav"]
    of_speaker = {}
    for recording in together.all_recordings:
        of_speaker.setdefault(recording.speaker, set()).add(recording.split)
    assert all(len(splits) == 1 for splits in of_speaker.values())  # in both folders alike
    speakers = {recording.speaker for recording in together.all_recordings}
    assert speakers == set("abcdefgh")
    licences = {source["corpus"]: source["licence"] for source in together.sources}
    assert licences == {"first": "CC0", "second": "CC BY 4.0"}


def test_few_files_are_all_trained_on(tmp_path):
    save(tmp_path, "a.wav", "b.wav")
    assert set(split_of(Folder(tmp_path)).values()) == {"train"}
    save(tmp_path, "c.wav")
    assert set(split_of(Folder(tmp_path)).values()) == set(SPLITS)


def test_folders_named_as_splits_are_honoured(tmp_path):
    save(tmp_path, "Train/s1/a.wav", "Train/s2/b.wav", "dev/s1/c.wav", "eval/s3/d.wav")
    folder = Folder(tmp_path)
    assert split_of(folder) == {
        "Train/s1/a.wav": "train",
        "Train/s2/b.wav": "train",
        "dev/s1/c.wav": "validation",
        "eval/s3/d.wav": "test",
    }
    assert [recording.speaker for recording in folder.recordings("train")] == ["s1", "s2"]


def test_a_missing_split_folder_is_held_out_of_train(tmp_path):
    save(tmp_path, *(f"train/{number}.wav" for number in range(20)), "test/x.wav")
    split = split_of(Folder(tmp_path))
    assert [name for name in split if split[name] == "test"] == ["test/x.wav"]
    assert "validation" in split.values()


def test_a_file_beside_the_split_folders_makes_them_ordinary(tmp_path):
    save(tmp_path, "train/a.wav", "test/b.wav", "c.wav")
    split = split_of(Folder(tmp_path, held_out=0))
    assert set(split.values()) == {"train"}


def test_broken_files_are_skipped_with_a_line_each_and_a_count(tmp_path, caplog):
    save(tmp_path, "a.wav", "b.wav")
    (tmp_path / "text.wav").write_text("text")
    (tmp_path / "empty.wav").write_text("")
    folder = Folder(tmp_path)
    with caplog.at_level(logging.WARNING, "tfsr"):
        assert len(folder.recordings("train")) == 2
    assert [name for name, _ in folder.skipped] == ["empty.wav", "text.wav"]
    assert len(caplog.messages) == 3
    assert caplog.messages[2] == f"skipped 2 of 4 files of {tmp_path}"


def test_folders_without_audio(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        corpus(tmp_path / "missing").recordings("train")
    with pytest.raises(UserError, match="no usable recording"):
        corpus(tmp_path).recordings("train")
    (tmp_path / "text.wav").write_text("text")
    with pytest.raises(UserError, match=r"no usable recording \(1 unusable"):
        corpus(tmp_path).recordings("train")


def test_settings_out_of_range():
    for settings in [{"by": "patch"}, {"held_out": 1.0}, {"held_out": -0.1}]:
        with pytest.raises(UserError, match=f"Folder.{next(iter(settings))}"):
            Folder("x", **settings)
    for settings in [{"setup": "both"}, {"microphone": "mic3"}]:
        with pytest.raises(UserError, match=f"Vctk.{next(iter(settings))}"):
            Vctk("x", **settings)


@pytest.mark.parametrize("rate", [8000, 16000, 6000])
def test_a_recording_is_the_mean_of_channels_at_the_rate_asked_for(tmp_path, rate):
    save(tmp_path, "a.wav", samples=501, channels=3)
    (recording,) = Folder(tmp_path).recordings("train")
    expected = resample(audio_file.read(tmp_path / "a.wav")[0].mean(axis=1), 8000, rate)
    audio = recording.read(rate)
    assert audio.dtype == np.float32
    assert len(audio) == recording.length(rate)
    np.testing.assert_array_equal(audio, expected)
    np.testing.assert_array_equal(recording.read(rate, 100, 150), expected[100:150])
    assert recording.seconds == 501 / 8000


def test_what_a_path_holds(tmp_path):
    assert isinstance(corpus(), Bundled)
    save(tmp_path, "vctk/wav48/p225/p225_001.wav", "other/p225/hello.wav")
    assert isinstance(corpus(tmp_path / "vctk"), Vctk)
    assert isinstance(corpus(tmp_path / "vctk" / "wav48"), Vctk)
    assert isinstance(corpus(tmp_path / "other"), Folder)
    assert isinstance(corpus(deque([tmp_path / "other"])), Several)  # any sequence
    (tmp_path / "other" / "manifest.jsonl").write_text(json.dumps({"name": "a"}))
    assert isinstance(corpus(tmp_path / "other"), Prepared)
    with pytest.raises(UserError, match="line 1 is damaged"):
        corpus(tmp_path / "other").recordings("train")


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("LICENSE", "\n  CC0 1.0\nNo rights reserved.\n", "CC0 1.0"),
        ("licence.md", "# CC BY 4.0\n", "CC BY 4.0"),
        ("license_text", "ODC-By\n", "ODC-By"),
        ("COPYING", "", "unknown"),
        ("licences_of_others.txt", "CC0", "unknown"),
    ],
)
def test_a_licence_lies_beside_the_recordings(tmp_path, name, text, told):
    assert Folder(tmp_path / "missing").licence == "unknown"
    (tmp_path / name).write_text(text)
    assert Folder(tmp_path).licence == Vctk(tmp_path).licence == told


def bundled_folder():
    return Path(tfsr.data.bundled.__file__).parent / "bundled"


def test_bundled_size_and_hashes():
    folder = bundled_folder()
    with open(folder / "manifest.csv") as manifest:
        rows = list(csv.DictReader(manifest))
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 15_000_000
    assert {row["file"] for row in rows} == {path.name for path in folder.glob("*.flac")}
    for row in rows:
        path = folder / row["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        header = audio_file.info(path)
        assert (header.rate, header.samples) == (48000, int(row["samples"]))
        assert float(row["seconds"]) == pytest.approx(header.seconds, abs=1e-3)


def test_bundled_splits():
    bundled = corpus()
    recordings = {split: bundled.recordings(split) for split in SPLITS}
    p228 = {
        split: [each.name for each in recordings[split] if each.speaker == "p228"]
        for split in SPLITS
    }
    assert [len(p228[split]) for split in SPLITS] == [29, 8, 8]
    assert max(p228["train"]) < min(p228["validation"])
    assert max(p228["validation"]) < min(p228["test"])
    assert p228["test"][-1] == "p228_371_mic1.flac"
    others = [
        {each.speaker for each in recordings[split] if each.speaker != "p228"} for split in SPLITS
    ]
    assert [len(each) for each in others] == [33, 4, 6]
    assert len(set.union(*others)) == 43  # nobody is on two sides
    assert "CC BY 4.0" in (bundled_folder() / "ATTRIBUTION.md").read_text()
    assert bundled.describe().startswith(
        "bundled (VCTK 0.92, 44 speakers): train 62 (4.0 min, speakers: 34)"
    )
