import os
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import soundfile

from tfsr import audio_file
from tfsr.audio_file import reading
from tfsr.errors import UserError

RATE = 16000

# File name, subtype, and how far decoders may be apart.
KINDS = [
    ("a.wav", "PCM_16", 0),
    ("a.wav", "PCM_24", 0),
    ("a.wav", "PCM_32", 0),
    ("a.wav", "PCM_U8", 0),
    ("a.wav", "FLOAT", 0),
    ("a.wav", "DOUBLE", 0),
    ("a.flac", "PCM_S8", 0),
    ("a.flac", "PCM_16", 0),
    ("a.flac", "PCM_24", 0),
    ("a.ogg", "VORBIS", 1e-6),
    ("a.opus", "OPUS", 0),
    ("a.mp3", "MPEG_LAYER_III", 2e-6),
    ("a.aiff", "PCM_16", 0),
]


def tone(samples=RATE // 4, channels=1):
    phase = np.arange(samples)[:, None] * np.arange(1, channels + 1) * 0.05
    return (0.4 * np.sin(phase) + 0.01).astype(np.float32)


def saved(path, audio, subtype=None, **options):
    soundfile.write(path, audio, RATE, subtype=subtype, **options)
    return path


def raises(text):
    return pytest.raises(UserError, match=text)


@pytest.mark.parametrize("name, subtype, tolerance", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_reads_what_soundfile_reads(tmp_path, name, subtype, tolerance, channels):
    container = {"format": "OGG"} if name.endswith("opus") else {}
    path = saved(tmp_path / name, tone(channels=channels), subtype, **container)
    audio, rate = audio_file.read(path)
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0]
    assert rate == RATE
    assert audio.dtype == np.float32
    assert audio.shape == expected.shape
    np.testing.assert_allclose(audio, expected, rtol=0, atol=tolerance)
    header = audio_file.info(path)
    assert (header.rate, header.channels, header.subtype) == (RATE, channels, subtype)
    assert header.samples == len(expected)
    assert header.seconds == len(expected) / RATE


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_tensorflow_io_decodes_the_usual_kinds(tmp_path, subtype):
    pytest.importorskip("tensorflow_io", reason="the newest TensorFlow that it knows is 2.17")
    path = saved(tmp_path / "a.wav", tone(), subtype)
    with audio_file.AudioFile(path) as file:
        assert reading._decode_with_tensorflow_io(path, file) is not None


def test_reads_without_tensorflow_io(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    path = saved(tmp_path / "a.flac", tone())
    np.testing.assert_array_equal(audio_file.read(path)[0], soundfile.read(path)[0][:, None])


def test_tensorflow_io_is_not_asked_beside_a_newer_tensorflow(tmp_path, monkeypatch):
    """There is an undefined symbol in it, which it tells of only when something is decoded."""
    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(__version__="2.18.0"))
    monkeypatch.setitem(sys.modules, "tensorflow_io", types.SimpleNamespace())
    path = saved(tmp_path / "a.flac", tone())
    np.testing.assert_array_equal(audio_file.read(path)[0], soundfile.read(path)[0][:, None])


def test_a_chunk_that_tensorflow_io_does_not_know(tmp_path):
    path = saved(tmp_path / "a.wav", tone())
    data = path.read_bytes()
    chunk = b"xtra" + (12).to_bytes(4, "little") + b"twelve bytes"
    size = (len(data) - 8 + len(chunk)).to_bytes(4, "little")
    (tmp_path / "b.wav").write_bytes(data[:4] + size + data[8:36] + chunk + data[36:])
    np.testing.assert_array_equal(audio_file.read(tmp_path / "b.wav")[0], audio_file.read(path)[0])


@pytest.mark.parametrize("samples, channels, subtype", [(1, 1, "PCM_16"), (900, 6, "PCM_U8")])
def test_unusual_files_simply_work(tmp_path, samples, channels, subtype):
    audio = tone(samples, channels)
    audio_file.write(tmp_path / "a.wav", audio, RATE, subtype)
    assert audio_file.info(tmp_path / "a.wav").subtype == subtype
    again, _ = audio_file.read(tmp_path / "a.wav")
    assert again.shape == (samples, channels)
    np.testing.assert_allclose(again, audio, rtol=0, atol=1 / 128)


@pytest.mark.parametrize("block", [1000, 1024, 10**6])
def test_blocks_make_up_the_file(tmp_path, block):
    path = saved(tmp_path / "a.flac", tone(channels=2))
    blocks = list(audio_file.blocks(path, block))
    assert all(len(part) == block for part in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate(blocks), audio_file.read(path)[0])


def bad_files(folder):
    (folder / "folder.wav").mkdir()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no audio\n" * 100)
    (folder / "headerless.bin").write_bytes(bytes(100))
    saved(folder / "nothing.wav", np.zeros((0, 1), np.float32))
    whole = saved(folder / "whole.flac", np.random.default_rng(0).normal(0, 0.1, (RATE, 1)))
    (folder / "cut.flac").write_bytes(whole.read_bytes()[:9000])
    for name, value in [("nan.wav", np.nan), ("inf.wav", -np.inf)]:
        audio = tone(channels=2)
        audio[3200, 1] = value
        saved(folder / name, audio, "FLOAT")


@pytest.mark.parametrize(
    "name, text",
    [
        ("missing.wav", "missing.wav: no such file"),
        ("folder.wav", "folder.wav: is a folder"),
        ("empty.wav", "empty.wav: is empty"),
        ("text.wav", "text.wav: cannot be read as audio"),
        ("headerless.bin", "headerless.bin: cannot be read as audio"),
        ("nothing.wav", "nothing.wav: holds no samples"),
        ("cut.flac", "cut.flac: is damaged"),
        ("nan.wav", "nan.wav: a sample is NaN or infinite, first at 0.200 s"),
        ("inf.wav", "inf.wav: a sample is NaN or infinite, first at 0.200 s"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, name, text):
    bad_files(tmp_path)
    for read in (audio_file.read, lambda path: list(audio_file.blocks(path, 1000))):
        with raises(text) as error:
            read(tmp_path / name)
        assert "\n" not in str(error.value)


def test_blocks_tell_a_bad_header_at_once(tmp_path):
    with raises("no such file"):
        audio_file.blocks(tmp_path / "missing.wav", 1000)


@pytest.mark.parametrize(
    "name, subtype", [("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS")]
)
def test_the_usual_subtype(tmp_path, name, subtype):
    audio_file.write(tmp_path / name, tone(), RATE)
    assert audio_file.info(tmp_path / name).subtype == subtype


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "PCM_U8"])
def test_integers_clip_and_never_wrap(tmp_path, subtype):
    audio = np.array([[2.0], [-2.0], [1.0], [-1.0], [0.5]], np.float32)
    audio_file.write(tmp_path / "a.wav", audio, RATE, subtype)
    again, _ = audio_file.read(tmp_path / "a.wav")
    np.testing.assert_allclose(again, audio.clip(-1, 1), rtol=0, atol=1 / 127)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_are_rounded_to_the_nearest(tmp_path, bits):
    subtype = "PCM_U8" if bits == 8 else f"PCM_{bits}"
    steps = np.array([0, 0.4, 0.6, -0.4, -0.6, 1, -1, 5.3, -7.2]) * 2.0 ** (1 - bits)
    audio_file.write(tmp_path / "a.wav", steps.astype(np.float32)[:, np.newaxis], RATE, subtype)
    again = soundfile.read(tmp_path / "a.wav")[0] * 2.0 ** (bits - 1)
    np.testing.assert_array_equal(again, [0, 0, 1, 0, -1, 1, -1, 5, -7])


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ALAW"])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_what_is_read_is_written_again_bit_for_bit(tmp_path, name, subtype):
    if subtype in ("PCM_32", "FLOAT", "ALAW") and name == "a.flac":
        return
    subtype = "PCM_S8" if (name, subtype) == ("a.flac", "PCM_U8") else subtype
    saved(tmp_path / name, np.random.default_rng(0).uniform(-1, 1, [4000, 2]), subtype)
    (tmp_path / "new").mkdir()
    audio_file.write(tmp_path / "new" / name, audio_file.read(tmp_path / name)[0], RATE, subtype)
    first, second = (soundfile.read(path / name)[0] for path in (tmp_path, tmp_path / "new"))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-7 if subtype == "PCM_32" else 0)


def test_what_is_clipped_is_told(tmp_path):
    audio = np.array([[1.0, 0.2], [-1.0, 2.0], [-1.5, 0.0]], np.float32)
    for name, clipped in [("a.wav", 2), ("a.ogg", 2), ("float.wav", None)]:
        subtype = "FLOAT" if name == "float.wav" else None
        with audio_file.Writer(tmp_path / name, RATE, 2, subtype) as writer:
            writer.write(audio)
        if clipped is None:
            assert writer.clipped is None and writer.largest == np.inf
        else:
            assert writer.clipped == (clipped, pytest.approx(6.02, abs=0.01))


def test_what_opus_does_not_have(tmp_path):
    with raises("a.opus: Opus has no 44100 Hz; `rate` takes one of 8000"):
        audio_file.write(tmp_path / "a.opus", tone(), 44_100)
    assert not list(tmp_path.iterdir())


def test_a_pipe_is_read_once_and_decoded_twice(tmp_path):
    path = saved(tmp_path / "a.wav", tone())
    os.mkfifo(tmp_path / "pipe")
    writing = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(path.read_bytes()))
    writing.start()
    with audio_file.AudioFile(tmp_path / "pipe") as file:
        first, second = (np.concatenate(list(file.blocks())) for _ in range(2))
    writing.join()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, audio_file.read(path)[0])


@pytest.mark.parametrize(
    "name", [b"caf\xe9.wav", b"new\nline.wav", b"-x.wav", b"x" * 251 + b".wav"]
)
def test_odd_names(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    audio_file.write(path, tone(), RATE)
    assert audio_file.find(tmp_path) == [path]
    assert audio_file.read(path)[0].shape == tone().shape


def test_floats_are_kept_beyond_full_scale(tmp_path):
    audio = np.array([[2.0], [-3.0]], np.float32)
    audio_file.write(tmp_path / "a.wav", audio, RATE, "FLOAT")
    np.testing.assert_array_equal(audio_file.read(tmp_path / "a.wav")[0], audio)


def test_minutes_of_vorbis_in_one_piece(tmp_path):
    audio_file.write(tmp_path / "a.ogg", np.zeros((3_000_000, 2), np.float32), RATE)
    assert audio_file.info(tmp_path / "a.ogg").samples == 3_000_000


def test_a_file_appears_only_when_complete(tmp_path):
    target = tmp_path / "new" / "a.wav"
    with audio_file.Writer(target, RATE, 1) as writer:
        writer.write(tone())
        assert not target.exists()
        writer.write(tone())
    assert [path.name for path in target.parent.iterdir()] == ["a.wav"]
    assert audio_file.info(target).samples == 2 * len(tone())


def test_an_error_leaves_nothing_and_the_old_file(tmp_path):
    audio_file.write(tmp_path / "a.wav", tone(10), RATE)
    with pytest.raises(ZeroDivisionError), audio_file.Writer(tmp_path / "a.wav", RATE, 1) as writer:
        writer.write(tone())
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert audio_file.info(tmp_path / "a.wav").samples == 10


def test_unwritable_targets(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.wav").mkdir()
    for path, text in [
        (tmp_path / "a.xyz", "extension must be one of"),
        (tmp_path / "a", "extension must be one of"),
        (tmp_path / "file" / "a.wav", "a.wav: cannot be written"),
        (tmp_path / "folder.wav", "there is a folder of that name"),
    ]:
        with raises(text):
            audio_file.write(path, tone(), RATE)
    with raises("cannot be written"):
        audio_file.write(tmp_path / "a.flac", tone(), RATE, "FLOAT")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.wav"]


FULL_DISK = """
import resource, sys
import numpy as np
from tfsr import audio_file
from tfsr.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))
try:
    audio_file.write(sys.argv[1], np.zeros((100000, 1), np.float32), 16000)
except UserError as error:
    print(error)
assert "tensorflow" not in sys.modules
"""


def test_a_full_disk_is_told(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "a.wav: cannot be written" in done.stdout
    assert not list(tmp_path.iterdir())


def test_allowed_subtype():
    assert audio_file.allowed_subtype("a.wav", "FLOAT") == "FLOAT"
    assert audio_file.allowed_subtype("a.flac", "FLOAT") == "PCM_16"
    assert audio_file.allowed_subtype("a.opus", "PCM_16") == "OPUS"


def test_what_cannot_be_held_is_told():
    audio_file.require_subtype("a.flac", "PCM_24")
    for subtype in ("FLOAT", "NONSENSE"):
        with raises(f"a.flac: FLAC holds no {subtype}, but one of .*PCM_24"):
            audio_file.require_subtype("a.flac", subtype)


TAGS = {"title": "Tïtle", "artist": "Somebody", "comment": "None", "date": "1999", "album": "It"}


@pytest.mark.parametrize(
    "name, kept",
    [
        *((name, TAGS) for name in ("a.wav", "a.flac", "a.ogg", "a.opus", "a.caf", "a.m4a")),
        ("a.aiff", {name: TAGS[name] for name in ("title", "artist", "comment")}),
        *((name, {}) for name in ("a.au", "a.w64")),
    ],
)
def test_tags(tmp_path, name, kept):
    with audio_file.Writer(tmp_path / name, RATE, 1, tags=TAGS) as writer:
        writer.write(tone())
    assert audio_file.tags(tmp_path / name) == kept


@pytest.mark.parametrize("rate", [1, 999, 1_000_001])
def test_a_rate_that_no_recording_has(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(), rate)
    with raises(f"a.wav: is damaged .*{rate} Hz"):
        audio_file.info(tmp_path / "a.wav")


def test_find(tmp_path):
    for name in ["b.WAV", "a/c.flac", "a/.hidden.wav", ".git/d.wav", "notes.txt", "a/e.mp3"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in audio_file.find(tmp_path)]
    assert found == ["a/c.flac", "a/e.mp3", "b.WAV"]
    found, _ = audio_file.search(tmp_path, recursive=False)
    assert [path.name for path in found] == ["b.WAV"]
    with raises("no such folder"):
        audio_file.find(tmp_path / "missing")
