"""Files of the WAV family as recorders, pipes and careless programs leave them."""

import os
import struct

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tfsr.audio_file import chunks
from tfsr.audio_file.file_view import FileView
from tfsr.errors import UserError

RATE = 8000
UNFINISHED = "its header was never finished and tells no length, it is read to its end"


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, [4000, 1])


@pytest.fixture
def parts(tmp_path, sound) -> tuple[bytes, bytes]:
    """What is before the data chunk of a WAV file, and its samples."""
    soundfile.write(tmp_path / "whole.wav", sound, RATE)
    data = (tmp_path / "whole.wav").read_bytes()
    return data[:36], data[44:]


def written(path, *content: bytes):
    path.write_bytes(b"".join(content))
    return path


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if size is None else size) + content


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB])
@pytest.mark.parametrize("riff", [0, 36, 0xFFFFFFFF])
def test_a_header_that_was_never_finished(tmp_path, parts, sound, opened, size, riff):
    start = parts[0][:4] + struct.pack("<I", riff) + parts[0][8:]
    audio, info, faults = opened(written(tmp_path / "a.wav", start, chunk(b"data", parts[1], size)))
    assert faults == [UNFINISHED]
    assert info.samples == len(sound) == len(audio)
    np.testing.assert_allclose(audio, sound, rtol=0, atol=2**-15)


def test_an_empty_chunk_before_others_is_empty(tmp_path, parts, opened):
    path = written(tmp_path / "a.wav", parts[0], chunk(b"data", b""), chunk(b"LIST", b"INFO"))
    with pytest.raises(UserError, match="holds no samples"):
        opened(path)


@given(share=st.floats(0.05, 0.95))
def test_what_is_cut_is_told(tmp_path_factory, share, sound, opened):
    folder = tmp_path_factory.mktemp("cut")
    soundfile.write(folder / "a.wav", sound, RATE)
    data = (folder / "a.wav").read_bytes()
    kept = int(share * 2 * len(sound))
    audio, _, faults = opened(written(folder / "a.wav", data[: 44 + kept]))
    missing = (2 * len(sound) - kept) / 2 / RATE
    assert faults == [f"ends {missing:.3f} s too early"]
    np.testing.assert_allclose(audio, sound[: kept // 2], rtol=0, atol=2**-15)


@pytest.mark.parametrize(
    "between",
    [
        chunk(b"LIST", b"INFOINAM\x05\0\0\0title"),  # odd, without the byte that fills it up
        chunk(b"LIST", b"INFOINAM\x05\0\0\0title", 21 + 4),  # longer than it is
        chunk(b"junk", bytes(7)) + b"\0",
        chunk(b"bext", bytes(602)),
    ],
)
def test_chunks_before_the_samples(tmp_path, parts, sound, opened, between):
    path = written(tmp_path / "a.wav", parts[0], between, chunk(b"data", parts[1]))
    audio, _, faults = opened(path)
    assert faults == [] and len(audio) == len(sound)
    np.testing.assert_allclose(audio, sound, rtol=0, atol=2**-15)


def test_behind_an_id3_tag(tmp_path, parts, sound, opened):
    tag = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
    path = written(tmp_path / "a.wav", tag, parts[0], chunk(b"data", parts[1]))
    assert len(opened(path)[0]) == len(sound)


def test_bytes_after_the_samples(tmp_path, parts, sound, opened):
    content = parts[0], chunk(b"data", parts[1])
    for after, faults in [
        (chunk(b"LIST", b"INFO"), []),
        (bytes(100), []),
        (b"\xff" * 4000, ["4000 bytes after its samples are left out"]),
    ]:
        audio, _, told = opened(written(tmp_path / "a.wav", *content, after))
        assert told == faults and len(audio) == len(sound)


@pytest.mark.parametrize("blocks", [74, 75, 76])
def test_wav49_ends_where_it_is_told(tmp_path, opened, blocks):
    """An odd number of blocks of 65 bytes is filled up; a decoder takes that for a block more."""
    tone = 0.3 * np.sin(np.arange(320 * 76) / 9)
    soundfile.write(tmp_path / "even.wav", tone, RATE, subtype="GSM610")
    data = (tmp_path / "even.wav").read_bytes()
    start = data.index(b"data")
    coded = data[start + 8 :][: 65 * blocks]
    size, told = 65 * blocks + blocks % 2, 320 * blocks - 100
    header = data[: start - 4] + struct.pack("<I", told)  # the fact chunk is the last before
    path = written(tmp_path / "a.wav", header, chunk(b"data", coded + bytes(blocks % 2), size))
    audio, info, faults = opened(path)
    assert (info.samples, len(audio), faults) == (told, told, [])
    whole = soundfile.read(tmp_path / "even.wav", dtype="float32")[0]
    np.testing.assert_array_equal(audio[:, 0], whole[:told])


@pytest.fixture(scope="module")
def written_by_ffmpeg():
    """A function that writes [samples, channels] as FFmpeg does."""

    def written_by_ffmpeg(path, sound, codec, layout):
        sound = np.ascontiguousarray(sound, "int16" if codec.endswith("16le") else "float32")
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=RATE, layout=layout)
            kind = "s16" if sound.dtype == np.int16 else "flt"
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), kind, layout)
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return written_by_ffmpeg


def test_wave64_with_floats_that_it_tells_farther_on(tmp_path, sound, opened, written_by_ffmpeg):
    path = written_by_ffmpeg(tmp_path / "a.w64", sound, "pcm_f32le", "quad")
    assert path.read_bytes()[64:66] == b"\xfe\xff"
    audio, info, faults = opened(path)
    assert (info.subtype, info.format, faults) == ("FLOAT", "W64", [])
    np.testing.assert_array_equal(audio, sound.reshape(-1, 4).astype(np.float32))


@pytest.mark.parametrize("container", ["AIFF", "AU", "W64", "CAF", "RF64"])
def test_others_that_are_cut_or_unfinished(tmp_path, sound, opened, container):
    soundfile.write(tmp_path / "whole", sound, RATE, format=container, subtype="PCM_16")
    data = (tmp_path / "whole").read_bytes()
    audio, _, faults = opened(written(tmp_path / "cut", data[:-4000]))
    assert len(faults) == 1 and faults[0].endswith("s too early") and 1990 < len(audio) <= 2000
    assert float(faults[0].split()[1]) == pytest.approx(0.25, abs=2e-3)
    assert opened(tmp_path / "whole")[2] == []
    name, size, code = {
        "AIFF": (b"SSND", -4, ">I"),
        "AU": (b".snd", 4, ">I"),
        "W64": (b"data", 12, "<q"),
        "CAF": (b"data", 0, ">q"),
        "RF64": (b"ds64", 12, "<Q"),
    }[container]
    place = data.rindex(name) + len(name) + max(size, 0)
    empty = struct.pack(code, 0 if container in ("AIFF", "AU", "RF64") else -1)
    path = written(tmp_path / "open", data[:place], empty, data[place + len(empty) :])
    audio, _, faults = opened(path)
    assert faults == [UNFINISHED] and len(audio) == len(sound)


def test_what_programs_write_into_a_pipe(tmp_path, sound, opened, program):
    soundfile.write(tmp_path / "whole.wav", sound, RATE)
    for name, *how in [
        ("ffmpeg", "-i", tmp_path / "whole.wav", "-f", "wav", "-"),
        ("ffmpeg", "-i", tmp_path / "whole.wav", "-f", "flac", "-"),
        ("ffmpeg", "-i", tmp_path / "whole.wav", "-f", "au", "-"),
        ("ffmpeg", "-i", tmp_path / "whole.wav", "-f", "caf", "-"),
        ("sox", tmp_path / "whole.wav", "-t", "wav", "-"),
    ]:
        with open(tmp_path / "piped", "wb") as file:
            program(name, *how, stdout=file)
        audio, _, faults = opened(tmp_path / "piped")
        assert len(audio) == len(sound), how
        np.testing.assert_allclose(audio, sound, rtol=0, atol=2**-14)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "AU", "W64", "CAF", "RF64"])
def test_a_second_recording_behind_the_first_is_told(tmp_path, sound, opened, container):
    soundfile.write(tmp_path / "one", sound, RATE, format=container, subtype="PCM_16")
    data = (tmp_path / "one").read_bytes()
    audio, _, faults = opened(written(tmp_path / "two", data, data))
    assert len(audio) == len(sound)
    assert faults == [f"{len(data)} bytes after its samples are left out"]


def test_more_samples_in_a_second_chunk_are_told(tmp_path, parts, sound, opened):
    more = chunk(b"LIST", b"INFO"), chunk(b"data", parts[1])
    path = written(tmp_path / "a.wav", parts[0], chunk(b"data", parts[1]), *more)
    assert opened(path)[2] == [f"{len(more[1])} bytes after its samples are left out"]


def test_au_that_tells_too_few(tmp_path, sound, opened):
    soundfile.write(tmp_path / "a.au", sound, RATE, subtype="PCM_16")
    data = (tmp_path / "a.au").read_bytes()
    start = len(data) - 2 * len(sound)
    path = written(tmp_path / "a.au", data[:8], struct.pack(">I", 2000), data[12:])
    audio, _, faults = opened(path)
    np.testing.assert_allclose(audio, sound[:1000], rtol=0, atol=2**-15)
    assert faults == [f"{len(data) - start - 2000} bytes after its samples are left out"]


@pytest.mark.parametrize("size", [0x7F000008, 0x7EFFFFFE])
def test_aiff_as_sox_writes_it_into_a_pipe(tmp_path, sound, opened, size):
    soundfile.write(tmp_path / "a.aiff", sound, RATE, subtype="PCM_16")
    data = (tmp_path / "a.aiff").read_bytes()
    place = data.index(b"SSND") + 4
    big = struct.pack(">I", size)
    path = written(tmp_path / "a.aiff", data[:place], big, data[place + 4 :])
    audio, _, faults = opened(path)
    assert (len(audio), faults) == (len(sound), [UNFINISHED])


def test_what_is_missing_of_adpcm_is_told_by_blocks(tmp_path, sound, opened):
    soundfile.write(tmp_path / "a.wav", np.tile(sound, [4, 1]), RATE, subtype="MS_ADPCM")
    data = (tmp_path / "a.wav").read_bytes()
    place = data.index(b"fmt ") + 16
    wrong = data[:place] + struct.pack("<I", 1000) + data[place + 4 : len(data) // 2]
    whole = opened(tmp_path / "a.wav")[1].seconds
    audio, _, (fault,) = opened(written(tmp_path / "a.wav", wrong))
    assert float(fault.split()[1]) == pytest.approx(whole - len(audio) / RATE, abs=0.2)


@pytest.mark.parametrize("size", [2_200_000_000, 4_294_000_000, 5_000_000_000])
def test_large_files_that_are_as_long_as_they_say(tmp_path, size):
    """Sparse ones, which no disk is full of."""
    chunks_ = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16))
    kind, told = b"RIFF", size
    if size >= 1 << 32:
        kind, told = b"RF64", 0xFFFFFFFF
        chunks_ = chunk(b"ds64", struct.pack("<QQQI", size + 72, size, size // 4, 0)) + chunks_
    whole = min(told + 4 + len(chunks_) + 8, 0xFFFFFFFF)
    head = kind + struct.pack("<I", whole) + b"WAVE" + chunks_ + b"data" + struct.pack("<I", told)
    path = written(tmp_path / "a.wav", head)
    os.truncate(path, len(head) + size)
    with open(path, "rb") as file:
        wave = chunks.wave(FileView(file))
        assert wave.faults == [] and len(wave.view) >= size
