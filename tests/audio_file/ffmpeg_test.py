"""MP3, FLAC, and what phones and browsers record."""

import av
import numpy as np
import pytest
import soundfile

from tfsr import audio_file
from tfsr.audio_file import Writer
from tfsr.errors import UserError
from tfsr.signal.resample import resample


@pytest.fixture
def source(tmp_path, voice):
    """A function that writes some samples at a rate, of odd numbers all of them."""

    def source(samples: int, rate: int):
        path = tmp_path / f"{rate}.wav"
        soundfile.write(path, voice(samples, rate), rate)
        return path

    return source


@pytest.mark.parametrize("how", [["-V", "2"], ["-V", "6"], ["-b", "128"]])
@pytest.mark.parametrize("rate", [22_050, 44_100])
def test_mp3_is_what_a_decoder_without_seeking_gives(
    source, tmp_path, voice, opened, likeness, program, how, rate
):
    program("lame", *how, "--resample", rate / 1000, source(200_001, rate), tmp_path / "a.mp3")
    audio, info, faults = opened(tmp_path / "a.mp3")
    assert (info.samples, info.rate, faults) == (200_001, rate, [])
    assert likeness(audio, voice(200_001, rate)) > 12
    whole = soundfile.read(tmp_path / "a.mp3", dtype="float32", always_2d=True)[0]
    np.testing.assert_allclose(audio, whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize("how", [["-V", "4"], ["-V", "9"], ["-b", "32"]])
def test_mp3_that_does_not_tell_its_length(source, tmp_path, opened, program, how):
    source = source(200_001, 44_100)
    program("lame", "-t", "--resample", 44.1, *how, source, tmp_path / "a.mp3")
    _, info, faults = opened(tmp_path / "a.mp3")
    assert 200_001 <= info.samples < 200_001 + 3 * 1152 and faults == []
    assert audio_file.info(tmp_path / "a.mp3") == info


def test_cut_mp3_tells_what_is_missing(source, tmp_path, opened, program):
    program("lame", "-b", "64", source(88_200, 44_100), tmp_path / "a.mp3")
    data = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(data[: len(data) // 2])
    audio, _, (fault,) = opened(tmp_path / "a.mp3")
    assert fault.endswith("s of what its header tells are missing")
    missing = float(fault.split()[0])
    assert missing == pytest.approx(1.0, abs=0.06)
    assert len(audio) / 44_100 + missing == pytest.approx(2, abs=1e-3)


def test_joined_mp3(source, tmp_path, opened, program):
    program("lame", source(44_100, 44_100), tmp_path / "a.mp3")
    (tmp_path / "b.mp3").write_bytes(2 * (tmp_path / "a.mp3").read_bytes())
    assert 2.0 <= opened(tmp_path / "b.mp3")[1].seconds < 2.1


def test_mp3_that_counts_the_first_of_two_rates_lacks_nothing(tmp_path, voice, opened):
    """The second part makes what FFmpeg estimates of the first one's bytes wrong."""
    for rate, bits in (22_050, 32_000), (44_100, 320_000):
        with av.open(str(tmp_path / f"{rate}.mp3"), "w") as container:
            stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
            stream.bit_rate = bits
            sound = np.ascontiguousarray(voice(4 * rate, rate).T, np.float32)
            frame = av.AudioFrame.from_ndarray(sound, "fltp", "mono")
            frame.sample_rate, frame.pts = rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    parts = [(tmp_path / f"{rate}.mp3").read_bytes() for rate in (22_050, 44_100)]
    assert b"Xing" in parts[0][:4096] or b"Info" in parts[0][:4096]
    (tmp_path / "a.mp3").write_bytes(b"".join(parts))
    _, info, faults = opened(tmp_path / "a.mp3")
    assert not any("header tells" in fault for fault in faults) and 8 <= info.seconds < 8.2


def test_what_is_damaged_of_a_tag_is_marked(tmp_path, voice):
    with Writer(tmp_path / "a.m4a", 16_000, 1, tags={"title": "Tïtle", "artist": "me"}) as writer:
        writer.write(voice(777, 16_000).astype(np.float32))
    data = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "b.m4a").write_bytes(data.replace("Tïtle".encode(), b"T\xff\xfetle"))
    assert audio_file.tags(tmp_path / "b.m4a") == {"title": "T\ufffd\ufffdtle", "artist": "me"}


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4"])
@pytest.mark.parametrize("samples, rate", [(12_345, 44_100), (48_001, 48_000), (777, 16_000)])
def test_m4a_is_cut_where_it_tells(tmp_path, voice, opened, likeness, name, samples, rate):
    with Writer(tmp_path / name, rate, 1, tags={"title": "Tïtle", "tracknumber": "3"}) as writer:
        writer.write(voice(samples, rate).astype(np.float32))
    audio, info, faults = opened(tmp_path / name)
    assert (info.samples, info.rate, info.subtype, faults) == (samples, rate, "AAC", [])
    assert likeness(audio, voice(samples, rate)) > 15
    assert audio_file.tags(tmp_path / name) == {"title": "Tïtle", "tracknumber": "3"}


# Container and codec as ffmpeg names them, rate, and how many samples at 48 kHz it may have more.
KINDS = [
    ("a.m4a", "aac", 44_100, 0),
    ("a.m4a", "alac", 44_100, 0),
    ("a.3gp", "aac", 16_000, 0),
    ("a.mov", "aac", 48_000, 0),
    ("a.aac", "aac", 16_000, 10_000),
    ("a.webm", "libopus", 48_000, 0),
    ("a.webm", "libopus", 16_000, 0),
    ("a.webm", "libopus", 8000, 0),
    ("a.webm", "libvorbis", 44_100, 3000),
    ("a.wma", "wmav2", 44_100, 3000),
    ("a.wv", "wavpack", 44_100, 0),
    ("a.spx", "libspeex", 16_000, 1000),
    ("a.ogg", "flac", 8000, 0),
    ("a.caf", "alac", 44_100, 0),
    ("a.wav", "g726", 8000, 0),
    ("a.g722", "g722", 16_000, 0),
]


@pytest.mark.parametrize("name, codec, rate, more", KINDS)
def test_what_others_write(
    source, tmp_path, voice, opened, likeness, program, name, codec, rate, more
):
    path = source(2 * rate + 64, rate)
    program("ffmpeg", "-i", path, "-c:a", codec, tmp_path / name)
    audio, info, faults = opened(tmp_path / name)
    assert faults == []
    samples = (2 * rate + 64) * info.rate / rate
    assert -1 <= info.samples - samples <= more * rate / 48_000 + 1
    expected = resample(voice(2 * rate + 64, rate), rate, info.rate)
    level = np.mean(audio**2) / np.mean(expected**2)
    assert 0.8 < level < 1.25
    if more == 0 and codec not in ("g722", "libopus"):  # these delay by fractions of a sample
        assert likeness(audio, expected) > 10


def test_pcm_in_flac_is_exact_and_a_damaged_one_gives_the_rest(tmp_path, opened):
    sound = np.random.default_rng(0).integers(-(2**15), 2**15, [40_000, 2], np.int16)
    soundfile.write(tmp_path / "a.flac", sound, 8000)
    np.testing.assert_array_equal(opened(tmp_path / "a.flac")[0] * 2**15, sound)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    audio, _, (fault,) = opened(tmp_path / "cut.flac")
    assert fault.startswith(f"{(40_000 - len(audio)) / 8000:.3f} s of what its header tells are")
    assert 12_000 < len(audio) < 20_000
    np.testing.assert_array_equal(audio * 2**15, sound[: len(audio)])
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
    (tmp_path / "hole.flac").write_bytes(data)
    audio, _, faults = opened(tmp_path / "hole.flac")
    assert len(faults) == 1 and 30_000 < len(audio) < 40_000


def test_only_the_file_itself_is_read(tmp_path):
    """Playlists would open others, and addresses."""
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8000)
    for text in "#EXTM3U\n#EXTINF:1,\na.wav\n", "ffconcat version 1.0\nfile a.wav\n":
        (tmp_path / "list.mp3").write_text(text)
        with pytest.raises(UserError, match="list.mp3: cannot be read as audio"):
            audio_file.info(tmp_path / "list.mp3")


def test_m4a_of_8_channels(tmp_path, voice, opened):
    levels = 0.7 ** np.arange(8)
    levels[3] = 0.0  # that of low frequencies
    sound = (voice(48_000, 48_000) * levels).astype(np.float32)
    audio_file.write(tmp_path / "a.m4a", sound, 48_000)
    audio, info, faults = opened(tmp_path / "a.m4a")
    assert (info.samples, info.channels, faults) == (48_000, 8, [])
    np.testing.assert_allclose(np.std(audio, axis=0), np.std(sound, axis=0), rtol=0.2, atol=1e-4)


def test_m4a_without_its_index(tmp_path, voice):
    audio_file.write(tmp_path / "a.m4a", voice(44_100, 44_100).astype(np.float32), 44_100)
    data = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="its index is missing or damaged: it was cut off"):
        audio_file.info(tmp_path / "a.m4a")
