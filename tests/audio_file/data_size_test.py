"""Files of many kinds that were cut: their headers declare how long they were."""

import os
import struct

import av
import numpy as np
import pytest
import soundfile

from tfsr.audio_file import AudioFile
from tfsr.audio_file.data_size import data_size
from tfsr.audio_file.file_view import FileView

RATE, SECONDS = 8000, 60

# Container, codec and FFmpeg's word for its samples.
KINDS = [("a.wv", "wavpack", "s16p"), ("a.tta", "tta", "s16"), ("a.avi", "pcm_s16le", "s16")]


def cut(path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def missing(faults) -> float:
    (fault,) = faults
    return next(float(word) for word in fault.split() if word.replace(".", "").isdigit())


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, [SECONDS * RATE, 1])


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW"])
@pytest.mark.parametrize("container", ["NIST", "VOC"])
def test_sphere_and_voc(tmp_path, sound, opened, container, subtype):
    path = tmp_path / "a"
    soundfile.write(path, sound, RATE, format=container, subtype=subtype)
    assert opened(path)[2] == []
    cut(path)
    audio, _, faults = opened(path)
    assert missing(faults) == pytest.approx(SECONDS - len(audio) / RATE, abs=0.005)


@pytest.fixture(scope="module")
def coded(sound):
    """A function that writes it as FFmpeg does."""
    whole = np.round(sound.T * 2**15).astype(np.int16)

    def coded(path, codec, kind) -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=RATE, layout="mono")
            stream.codec_context.format = kind
            for start in range(0, whole.shape[1], 1000):
                frame = av.AudioFrame.from_ndarray(whole[:, start : start + 1000], kind, "mono")
                frame.sample_rate, frame.pts = RATE, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return coded


@pytest.mark.parametrize(("name", "codec", "kind"), KINDS)
def test_those_of_ffmpeg(tmp_path, coded, opened, name, codec, kind):
    path = tmp_path / name
    coded(path, codec, kind)
    assert opened(path)[2] == []
    cut(path)
    audio, _, faults = opened(path)
    assert missing(faults) == pytest.approx(SECONDS - len(audio) / RATE, abs=0.005)


def test_a_second_wavpack_recording_behind_the_first(tmp_path, sound, coded, opened):
    coded(tmp_path / "a.wv", "wavpack", "s16p")
    data = (tmp_path / "a.wv").read_bytes()
    (tmp_path / "a.wv").write_bytes(data + data)
    audio, _, faults = opened(tmp_path / "a.wv")
    assert len(audio) == len(sound)
    assert faults == [f"{len(data)} bytes after its samples are left out"]


def test_au_beyond_4_gib_is_read_to_its_end(tmp_path):
    """A sparse one; it cannot tell its size, which is no fault."""
    path, frames = tmp_path / "a.au", 1_100_000_000
    path.write_bytes(struct.pack(">4sIIIII", b".snd", 24, 0xFFFFFFFF, 3, RATE, 2))
    os.truncate(path, 24 + 4 * frames)
    with open(path, "rb") as file:
        assert data_size(FileView(file)) == (4 * frames, 4 * frames, 0)
    with AudioFile(path) as recording:
        assert recording.declared_samples == frames
