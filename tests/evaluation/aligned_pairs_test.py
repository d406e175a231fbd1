import numpy as np
import pytest

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.evaluation.aligned_pairs import read_together


def test_rate_of_the_first_mean_of_channels_and_shortest_length(write_tones, tmp_path):
    first = write_tones(tmp_path / "a.wav", {440: 0.5})
    other = write_tones(tmp_path / "b.wav", {440: 0.5}, rate=8000, seconds=0.79)
    stereo = np.repeat(audio_file.read(first)[0], 2, axis=1) * np.float32([1.0, 0.0])
    audio_file.write(tmp_path / "c.wav", stereo, 16000, "FLOAT")
    a, b, c = read_together([first, other, tmp_path / "c.wav"])
    assert len(a.waveform) == len(b.waveform) == len(c.waveform) == round(16000 * 0.79)
    assert (b.header.rate, c.header.channels) == (8000, 2)
    np.testing.assert_allclose(b.waveform[500:-500], a.waveform[500:-500], atol=1e-3)
    np.testing.assert_allclose(c.waveform, a.waveform / 2, atol=1e-6)


def test_lengths_that_differ_by_more_than_a_tenth(write_tones, tmp_path):
    files = [write_tones(tmp_path / f"{s}.wav", {440: 0.5}, seconds=s) for s in (1.0, 0.89)]
    with pytest.raises(UserError, match=r"0.89.wav: 0.89 s, but .*1.0.wav has 1.00 s"):
        read_together(files)
