import numpy as np
import pytest
import soundfile

from tfsr.audio_file import AudioFile, parse_raw
from tfsr.errors import UserError

KINDS = [
    ("a.ulaw", "ULAW", 8000),
    ("a.AL", "ALAW", 8000),
    ("a.sln", "PCM_16", 8000),
    ("a.raw", "PCM_16", 8000),
    ("a.sln16", "PCM_16", 16_000),
    ("a.slin48", "PCM_16", 48_000),
    ("a.gsm", "GSM610", 8000),
    ("a.vox", "VOX_ADPCM", 8000),
]


def write(path, sound, subtype, channels=1):
    soundfile.write(path, sound, 8000, format="RAW", subtype=subtype)
    return path


@pytest.mark.parametrize("name, subtype, rate", KINDS)
def test_by_its_name(tmp_path, voice, opened, likeness, name, subtype, rate):
    path = write(tmp_path / name, voice(8000, rate), subtype)
    audio, info, faults = opened(path)
    assert (info.rate, info.samples, info.subtype, faults) == (rate, 8000, subtype, [])
    assert likeness(audio, voice(8000, rate)) > 5
    with AudioFile(path) as file:
        assert file.assumed.rate == rate


def test_gsm_under_another_name(tmp_path, voice, opened):
    path = write(tmp_path / "a.wav", voice(8000, 8000), "GSM610")
    assert opened(path)[1].subtype == "GSM610"


@pytest.mark.parametrize(
    "raw, subtype, channels", [("11025,alaw,2", "ALAW", 2), ("44100,S16LE", "PCM_16", 1)]
)
def test_as_it_is_told(tmp_path, voice, opened, raw, subtype, channels):
    path = write(tmp_path / "a.bin", np.tile(voice(4000, 8000), channels), subtype)
    _, info, _ = opened(path, parse_raw(raw))
    assert (info.rate, info.samples, info.channels) == (int(raw.split(",")[0]), 4000, channels)


def test_a_header_is_believed_more_than_a_name(tmp_path, voice, opened):
    soundfile.write(tmp_path / "a.raw", voice(4000, 8000), 22_050, format="WAV")
    assert opened(tmp_path / "a.raw")[1].rate == 22_050


WRONG = ["", "8000", "ulaw,8000", "8000,x", "8000,ulaw,0", "8000,ulaw,1,2", "9,ulaw", "16000,gsm"]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_such_thing(text):
    with pytest.raises(UserError, match=f"`raw` {text}"):
        parse_raw(text)
