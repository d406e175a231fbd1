"""Each kind that is written: twice the same, on a full disk, and beyond 4 GiB."""

import errno
import io
import shutil
import types

import numpy as np
import pytest
import soundfile

from tfsr import audio_file
from tfsr.audio_file import WRITTEN, Writer, encoders
from tfsr.errors import UserError

# soundfile names these, and libsndfile has no encoder for them.
WITHOUT_ENCODER = {
    *[("MP3", "MPEG_LAYER_I"), ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III")],
    ("AIFF", "DWVW_12"),
}
KINDS = [
    (extension, subtype)
    for extension, container in WRITTEN.items()
    if extension not in (".oga", ".aif", ".mp4")  # the same as others
    for subtype in (["AAC"] if container == "MP4" else soundfile.available_subtypes(container))
    if (container, subtype) not in WITHOUT_ENCODER
]
SOUND = np.random.default_rng(0).normal(0, 0.1, [20_000, 1]).astype(np.float32)


@pytest.fixture
def small_disk(monkeypatch):
    """A function that lets no file become larger than so many bytes."""

    class File(io.FileIO):
        largest = 2**40

        def write(self, data) -> int:
            if self.tell() + len(data) > self.largest:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def opened(path, mode):
        buffered = io.BufferedRandom if "+" in mode else io.BufferedWriter
        return buffered(File(path, mode.replace("b", "")))

    monkeypatch.setattr(encoders, "open", opened, raising=False)
    return lambda size: setattr(File, "largest", size)


@pytest.mark.parametrize("extension, subtype", KINDS)
def test_the_same_sound_makes_the_same_bytes(tmp_path, extension, subtype):
    first, second = tmp_path / f"a{extension}", tmp_path / f"b{extension}"
    for path in first, second:
        audio_file.write(path, SOUND, 16_000, subtype)
    assert first.read_bytes() == second.read_bytes()
    assert b"PEAK" not in first.read_bytes()[:200]  # it has the time in it
    assert audio_file.info(first).samples >= len(SOUND)


@pytest.mark.parametrize("extension, subtype", KINDS)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, small_disk, extension, subtype):
    path = tmp_path / f"a{extension}"
    audio_file.write(path, SOUND, 16_000, subtype)
    size = path.stat().st_size
    path.unlink()
    for largest in 0, size // 2, size - 1:
        small_disk(largest)
        with pytest.raises(UserError) as error:
            audio_file.write(path, SOUND, 16_000, subtype)
        assert str(error.value) == f"{path}: cannot be written (No space left on device)"
        assert not list(tmp_path.iterdir())


def test_alac_where_the_folder_of_temporary_files_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="no space left in /.*, through which ALAC goes; TMPDIR"):
        audio_file.write(tmp_path / "a.caf", SOUND, 16_000, "ALAC_16")
    assert not list(tmp_path.iterdir())


class TestBeyond4GiB:
    # With 16 bits and two channels, what fits beside the room that is left for a header.
    most = (2**32 - 2**20) // 4

    def test_wav_becomes_rf64_where_it_must(self):
        assert encoders.holding("WAV", "PCM_16", 2, self.most) == "WAV"
        assert encoders.holding("WAV", "PCM_16", 2, self.most + 1) == "RF64"
        assert encoders.holding("WAV", "FLOAT", 1, self.most + 1) == "RF64"

    @pytest.mark.parametrize("container", ["FLAC", "W64", "CAF", "AU", "OGG", "MP3", "MP4"])
    def test_others_have_room(self, container):
        assert encoders.holding(container, "PCM_16", 2, 2**40) == container

    @pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ALAW"])
    def test_rf64(self, tmp_path, program, subtype):
        path, sound = tmp_path / "a.wav", np.tile(SOUND, 2)
        with Writer(path, 16_000, 2, subtype, {"title": "Long"}, samples=2**32) as writer:
            writer.write(sound)
        assert writer.container == "RF64"
        assert path.read_bytes().startswith(b"RF64\xff\xff\xff\xffWAVEds64")
        with audio_file.AudioFile(path) as file:
            again = np.concatenate(list(file.blocks()))
            assert (file.subtype, file.faults) == (subtype, [])
            assert file.tags == {"title": "Long"}
        np.testing.assert_allclose(again, sound, rtol=0, atol=0.02)
        program("ffmpeg", "-i", path, "-c:a", "pcm_f32le", tmp_path / "b.wav")
        np.testing.assert_array_equal(soundfile.read(tmp_path / "b.wav")[0], again)

    def test_aiff_is_refused_before_anything_is_written(self, tmp_path):
        with pytest.raises(UserError, match=r"a.aiff: .*AIFF with PCM_16 ends at 4 GiB; choose"):
            Writer(tmp_path / "a.aiff", 16_000, 2, samples=self.most + 1)
        assert not list(tmp_path.iterdir())

    def test_wav_of_unknown_length_has_room_to_become_rf64(self, tmp_path):
        with Writer(tmp_path / "a.wav", 16_000, 1) as writer:
            writer.write(SOUND)
        head = (tmp_path / "a.wav").read_bytes()[:16]
        assert head[:4] == b"RIFF" and head[8:] == b"WAVEJUNK"
        assert audio_file.info(tmp_path / "a.wav").samples == len(SOUND)

    @pytest.mark.parametrize("name, subtype", [("a.aiff", "PCM_16"), ("a.wav", "IMA_ADPCM")])
    def test_what_passes_the_limit_unforeseen(self, tmp_path, monkeypatch, name, subtype):
        monkeypatch.setattr(encoders, "MOST", 8000)
        told = f"{name}: .* with {subtype} ends at 4 GiB; choose"
        with pytest.raises(UserError, match=told), Writer(tmp_path / name, 8000, 1, subtype) as out:
            out.write(SOUND)
        assert not list(tmp_path.iterdir())
