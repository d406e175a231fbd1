"""Sound through pipes."""

import io
import os
import struct
import threading

import numpy as np
import pytest
import soundfile

from tfsr.audio_file import AudioFile, PipeReader, PipeWriter, Raw
from tfsr.errors import UserError

USUAL = Raw(8000, "s16le")
SOUND = np.random.default_rng(0).integers(-30_000, 30_000, 100).astype("<i2")


def read(data: bytes, raw: Raw | None = None, cuts: int = 0) -> tuple[PipeReader, np.ndarray]:
    """What is read of these bytes, which come a few at a time."""
    receiving, sending = os.pipe()

    def send() -> None:
        with open(sending, "wb", buffering=0) as file:
            for start in range(0, len(data), cuts or len(data)):
                file.write(data[start : start + (cuts or len(data))])

    with open(receiving, "rb", buffering=0) as file:
        sender = threading.Thread(target=send)
        sender.start()
        try:
            reader = PipeReader(file.fileno(), "standard input", raw, USUAL)
            return reader, np.concatenate([np.zeros([0, reader.raw.channels]), *reader.blocks()])
        finally:
            sender.join()


def wav(subtype: str = "PCM_16", sound: np.ndarray = SOUND) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, 8000, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("cuts", [0, 1, 7])
def test_raw_samples(cuts):
    reader, sound = read(SOUND.tobytes() + b"\x01", cuts=cuts)
    assert (reader.is_wav, reader.raw) == (False, USUAL)
    np.testing.assert_array_equal(sound[:, 0], SOUND / 32768)


@pytest.mark.parametrize("cuts", [0, 1, 7])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "PCM_24", "FLOAT", "ULAW", "ALAW"])
def test_wav_tells_how_it_is_coded(subtype, cuts):
    data = wav(subtype)
    reader, sound = read(data, cuts=cuts)
    assert (reader.is_wav, reader.raw.rate, reader.raw.channels) == (True, 8000, 1)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    np.testing.assert_array_equal(sound[:, 0], expected)


@pytest.mark.parametrize("size", [0, 0x80000000, 0x7FFFF000, 0xFFFFFFFF])
def test_a_length_that_nobody_knew(size):
    data = wav()
    place = data.index(b"data") + 4
    data = data[:place] + struct.pack("<I", size) + data[place + 4 :]
    assert len(read(data)[1]) == len(SOUND)


def test_what_stands_around_the_samples_is_no_sound():
    data, text = wav(), b"INFOICMTmetadata of data"
    chunk = b"LIST" + struct.pack("<I", len(text)) + text
    place = data.index(b"fmt ")
    _, sound = read(data[:place] + chunk + data[place:] + chunk, cuts=3)
    np.testing.assert_array_equal(sound[:, 0], SOUND / 32768)


def test_channels():
    sound = SOUND.reshape(-1, 2)
    for data, raw in (wav(sound=sound), None), (sound.tobytes(), Raw(8000, "s16le", 2)):
        reader, made = read(data, raw, cuts=5)
        assert reader.raw.channels == 2
        np.testing.assert_array_equal(made, sound / 32768)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav("MS_ADPCM"), "WAV of format 0x0002, 4 bits and 1 channels is not for streams"),
        (wav()[:30], "ends within its WAV header"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "its WAV header tells no format"),
    ],
)
def test_what_cannot_be_read_is_told(data, message):
    with pytest.raises(UserError, match=f"^standard input: {message}"):
        read(data)


def test_codings_in_blocks_are_not_for_streams():
    with pytest.raises(UserError, match="^`raw` 8000,gsm,1: gsm is not for streams; choose one of"):
        PipeReader(0, "standard input", Raw(8000, "gsm"), USUAL)


def test_what_is_no_number_is_told():
    data = np.array([0, np.nan], "<f4").tobytes()
    with pytest.raises(UserError, match="^standard input: a sample is NaN"):
        read(data, Raw(8000, "f32le"))


@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_is_read_again(tmp_path, channels):
    sound = SOUND.reshape(-1, channels)
    for kind in "raw", "wav":
        with open(tmp_path / f"a.{kind}", "wb") as file:
            writer = PipeWriter(file.fileno(), "standard output", 16_000, channels, kind == "wav")
            for block in np.split(sound / 32768, 5):
                writer.write(block.astype(np.float32))
    assert (tmp_path / "a.raw").read_bytes() == sound.tobytes()
    read_again, rate = soundfile.read(tmp_path / "a.wav", dtype="int16", always_2d=True)
    np.testing.assert_array_equal(read_again, sound)
    assert rate == 16_000
    with AudioFile(tmp_path / "a.wav") as file:
        assert (file.samples, file.rate, file.channels) == (len(sound), 16_000, channels)


def test_a_full_disk_is_told():
    with open("/dev/full", "wb") as file, pytest.raises(UserError, match="^out: cannot be written"):
        PipeWriter(file.fileno(), "out", 16_000, 1, wav=True)
