"""Ogg files of several streams, and those that break off."""

import av
import numpy as np
import pytest
import soundfile

from tfsr import audio_file

CUT = "its last page is missing: it was cut off or never finished"


def stream(path, sound, rate, subtype) -> bytes:
    soundfile.write(path, sound, rate, format="OGG", subtype=subtype)
    return path.read_bytes()


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_streams_that_follow_each_other(tmp_path, voice, opened, subtype):
    sounds = [voice(samples, 16_000) for samples in (16_000, 8001, 20_000)]
    joined = [stream(tmp_path / "one.ogg", sound, 16_000, subtype) for sound in sounds]
    (tmp_path / "all.ogg").write_bytes(b"".join(joined))
    audio, info, faults = opened(tmp_path / "all.ogg")
    assert (info.samples, info.subtype, faults) == (44_001, subtype, [])
    alone = []
    for data in joined:
        (tmp_path / "one.ogg").write_bytes(data)
        alone.append(opened(tmp_path / "one.ogg")[0])
    np.testing.assert_array_equal(audio, np.concatenate(alone))


def test_streams_of_different_kinds(tmp_path, voice, opened):
    parts = [
        stream(tmp_path / "a.ogg", voice(44_100, 44_100), 44_100, "VORBIS"),
        stream(tmp_path / "b.ogg", np.tile(voice(48_000, 48_000), 2), 48_000, "OPUS"),
    ]
    (tmp_path / "all.ogg").write_bytes(b"".join(parts))
    audio, info, faults = opened(tmp_path / "all.ogg")
    assert (info.rate, info.channels, faults) == (44_100, 1, [])
    assert info.seconds == pytest.approx(2, abs=1e-3)
    halves = np.std(audio[:44_100]), np.std(audio[44_100:])
    assert halves[0] == pytest.approx(halves[1], rel=0.1)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_cut_in_a_page(tmp_path, voice, opened, subtype):
    data = stream(tmp_path / "a.ogg", voice(160_000, 16_000), 16_000, subtype)
    (tmp_path / "a.ogg").write_bytes(data[: len(data) // 2])
    audio, info, faults = opened(tmp_path / "a.ogg")
    assert faults == [CUT]
    assert 2 < info.seconds < 8


def test_opus_is_the_same_in_blocks_of_any_size(tmp_path, voice, opened):
    stream(tmp_path / "a.ogg", voice(100_000, 16_000), 16_000, "OPUS")
    whole = soundfile.read(tmp_path / "a.ogg", dtype="float32", always_2d=True)[0]
    np.testing.assert_array_equal(opened(tmp_path / "a.ogg")[0], whole)


LAYOUTS = {3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
@pytest.mark.parametrize("channels", list(LAYOUTS))
def test_channels_are_in_the_order_of_wav(tmp_path, opened, name, channels):
    """Each has its own level; FFmpeg, which gives WAV's order, hears the same in our files."""
    levels = 0.5 * 0.8 ** np.arange(channels)
    tone = np.sin(2 * np.pi * 60 * np.arange(24_000) / 48_000)[:, np.newaxis]
    audio_file.write(tmp_path / name, (tone * levels).astype(np.float32), 48_000)
    with av.open(str(tmp_path / name)) as container:
        packed = av.AudioResampler("flt")
        frames = [
            one.to_ndarray()
            for frame in container.decode(audio=0)
            for one in packed.resample(frame)
        ]
        assert container.streams.audio[0].layout.name.split("(")[0] == LAYOUTS[channels]
    for audio in opened(tmp_path / name)[0], np.hstack(frames).reshape(-1, channels):
        np.testing.assert_array_equal(np.argsort(-np.std(audio, axis=0)), range(channels))
