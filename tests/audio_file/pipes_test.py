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


@pytest.mark.parametrize(
    "begin", [b"fLaC", b"OggS", b"ID3\x04", b"FORM", b".snd", b"caff", b"RF64"]
)
def test_other_files_are_no_samples(begin):
    with pytest.raises(UserError, match=r"standard input: is \w+; ffmpeg -i - .*`raw` takes it"):
        read(begin + bytes(200), cuts=1)
    reader, _ = read(begin + bytes(200), USUAL)
    assert not reader.is_wav


def test_a_header_is_no_sound():
    with pytest.raises(UserError, match="begins with a WAV header, which `raw` would take for"):
        read(wav(), USUAL)


def test_a_wav_ends_where_its_samples_do():
    """Not where the pipe does, which may stay open."""
    receiving, sending = os.pipe()
    with open(receiving, "rb", buffering=0) as file, open(sending, "wb", buffering=0) as other:
        other.write(wav())
        reader = PipeReader(file.fileno(), "standard input", None, USUAL)
        assert len(np.concatenate(list(reader.blocks()))) == len(SOUND)


@pytest.mark.parametrize("more, rest", [(b"", 0), (b"\x01", 1)])
def test_what_is_left_of_a_sample_is_told(more, rest):
    assert read(SOUND.tobytes() + more)[0].rest == rest


def test_pipes_that_do_not_wait():
    """As other programs may have set them; both ends then wait for each other all the same."""
    receiving, sending = os.pipe()
    os.set_blocking(receiving, False)
    os.set_blocking(sending, False)
    sound = np.tile(SOUND, 2000)[:, np.newaxis] / np.float32(32768)

    def send() -> None:
        PipeWriter(sending, "standard output", 8000, 1, wav=False).write(sound)
        os.close(sending)

    sender = threading.Thread(target=send)
    with open(receiving, "rb", buffering=0) as file:
        timer = threading.Timer(0.05, sender.start)
        timer.start()
        reader = PipeReader(file.fileno(), "standard input", USUAL, USUAL)
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks())), sound)
        timer.join()
        sender.join()
