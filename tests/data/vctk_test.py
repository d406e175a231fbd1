import numpy as np
import pytest

from tfsr import audio_file
from tfsr.data.vctk import Vctk
from tfsr.errors import UserError

TEST_080 = ["p347", "p351", "p360", "p361", "p362", "p363", "p364", "p374", "p376"]
TEST_092 = ["p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    audio_file.write(path, np.zeros((3, 1), np.float32), 48000)
    return path.read_bytes()


def release_080(root, sound, files):
    for name in files:
        path = root / "wav48" / name.split("_")[0] / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound)


def release_092(root, sound, files):
    for name in files:
        for microphone in ("mic1", "mic2"):
            folder = root / "wav48_silence_trimmed" / name.split("_")[0]
            folder.mkdir(parents=True, exist_ok=True)
            # soundfile tells WAV from FLAC by content.
            (folder / f"{name}_{microphone}.flac").write_bytes(sound)


def stems(corpus, split):
    return [recording.name.split("/")[1].split(".")[0] for recording in corpus.recordings(split)]


def speakers(corpus, split):
    return [recording.speaker for recording in corpus.recordings(split)]


def test_single_speaker_080(tmp_path, sound):
    gaps = {*range(100, 231), 360, 361, 362, 364}
    names = [f"p225_{number:03d}" for number in range(1, 367) if number not in gaps]
    release_080(tmp_path, sound, [*names, "p226_001"])
    corpus = Vctk(tmp_path)
    numbers = ["355", "356", "357", "358", "359", "363", "365", "366"]
    assert stems(corpus, "test") == [f"p225_{number}" for number in numbers]
    assert stems(corpus, "validation") == stems(corpus, "test")
    assert len(stems(corpus, "train")) == 223
    assert stems(corpus, "train")[-1] == "p225_354"
    assert corpus.recordings("test")[0].name == "p225/p225_355.wav"


def test_single_speaker_092(tmp_path, sound):
    release_092(tmp_path, sound, [f"p225_{number:03d}" for number in range(136, 367)])
    for microphone in ("mic1", "mic2"):
        corpus = Vctk(tmp_path / "wav48_silence_trimmed", microphone=microphone)
        assert len(stems(corpus, "train")) == 223
        assert stems(corpus, "test") == [f"p225_{n}_{microphone}" for n in range(359, 367)]
        assert stems(corpus, "validation") == stems(corpus, "test")


def test_multi_speaker_080(tmp_path, sound):
    train = [f"p{number}" for number in range(225, 325)]
    release_080(
        tmp_path, sound, [f"{name}_00{number}" for name in train + TEST_080 for number in (1, 2)]
    )
    corpus = Vctk(tmp_path, "multi")
    assert sorted(set(speakers(corpus, "test"))) == TEST_080
    assert sorted(set(speakers(corpus, "train"))) == sorted(train)
    assert len(speakers(corpus, "train")) == 200


def test_multi_speaker_092(tmp_path, sound):
    names = ["p225", "p280", "p315", "p347", "p351", *TEST_092]
    release_092(tmp_path, sound, [f"{name}_001" for name in names])
    (tmp_path / "wav48_silence_trimmed" / "log.txt").write_text("")
    corpus = Vctk(tmp_path, "multi")
    assert speakers(corpus, "train") == ["p225", "p347", "p351"]
    assert speakers(corpus, "test") == TEST_092
    assert all("_mic1" in name for name in stems(corpus, "train"))


def test_an_incomplete_download(tmp_path, sound):
    release_080(tmp_path, sound, ["p225_001"])
    with pytest.raises(UserError, match="no recordings of VCTK single-speaker to test with"):
        Vctk(tmp_path).recordings("train")
    with pytest.raises(UserError, match="no such folder"):
        Vctk(tmp_path / "missing").recordings("train")


def test_broken_files_are_skipped(tmp_path, sound):
    release_080(tmp_path, sound, ["p225_001", "p225_002", "p225_355"])
    (tmp_path / "wav48/p225/p225_002.wav").write_text("text")
    corpus = Vctk(tmp_path)
    assert stems(corpus, "train") == ["p225_001"]
    assert [name for name, _ in corpus.skipped] == ["p225/p225_002.wav"]
