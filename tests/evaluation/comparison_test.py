import collections
import io

import numpy as np
import pytest
from PIL import Image

from tfsr.errors import UserError
from tfsr.evaluation import comparison
from tfsr.evaluation.protocols import PROTOCOLS


@pytest.fixture(scope="module")
def files(write_tones, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return [
        write_tones(folder / "original.wav", {440: 0.3, 5000: 0.1}),
        write_tones(folder / "low.wav", {440: 0.3}, rate=8000),
        write_tones(folder / "<wide>.wav", {440: 0.3, 5000: 0.05}),
        write_tones(folder / "flat.wav", {440: 0.3}),
    ]


@pytest.fixture(scope="module")
def compared(files):
    return comparison.compare(files[0], files[1], files[2:])


@pytest.fixture(scope="module")
def page(compared, parse_page):
    return parse_page(comparison.page(compared))


def test_scores_are_those_of_the_protocol(compared):
    assert list(compared.scores) == ["low.wav (low)", "<wide>.wav", "flat.wav"]
    assert compared.cutoff_hz == 4000
    wide = compared.sounds["<wide>.wav"].waveform
    expected = PROTOCOLS["tfsr"].scores(compared.original.waveform, wide, 8000, 16000)
    np.testing.assert_equal(compared.scores["<wide>.wav"], expected)
    assert compared.scores["<wide>.wav"]["SNR"] == pytest.approx(16.02, abs=0.01)
    assert compared.scores["low.wav (low)"]["SNR-low"] > 60


def test_table_has_a_line_for_each_signal_but_the_original(compared):
    lines = compared.table().splitlines()
    assert lines[0].split()[:2] == ["signal", "SNR"]
    assert [line.split()[0] for line in lines[1:]] == ["low.wav", "<wide>.wav", "flat.wav"]


def test_page_says_what_was_done(page):
    text = " ".join(page.words)
    assert "8000 Hz, 1 channel, 0.800 s, resampled to 16000 Hz" in text
    assert "<wide>.wav" in text and "parted at 4000 Hz" in text


def test_page_has_a_player_and_pictures_of_each_signal(page):
    captions = [a["alt"] for tag, a in page.elements if tag == "img" and a["alt"] != "to"]
    names = ["original.wav (original)", "low.wav (low)", "<wide>.wav", "flat.wav"]
    for name in names:
        assert f"Spectrogram of {name}" in captions
        assert (f"{name} less the original" in captions) == (name != names[0])
    sounds = page.sources("audio")
    assert len({len(sound) for sound in sounds}) == 1 and len(set(sounds)) == 4


def test_spectrograms_and_differences_lie_upon_one_another(page):
    sizes = [Image.open(io.BytesIO(png)).size for png in page.sources("img")]
    assert len(sizes) == 4 + 3 + 1 + 2  # spectra in one plot, two bars of colours
    assert collections.Counter(sizes).most_common(1)[0][1] == 4 + 3


def test_alike_names_are_told_with_their_folders(write_tones, tmp_path):
    paths = [write_tones(tmp_path / f / "a.wav", {440: 0.3, 6000: 0.1}) for f in ("o", "x")]
    low = write_tones(tmp_path / "low.wav", {440: 0.3}, rate=8000)
    found = comparison.compare(paths[0], low, paths[1:])
    assert list(found.sounds) == ["o/a.wav (original)", "low.wav (low)", "x/a.wav"]
    assert found.scores["x/a.wav"]["SNR"] == np.inf


def test_low_at_the_rate_of_the_original_wants_a_cutoff(files):
    with pytest.raises(UserError, match="flat.wav: the original has no band above .* `cutoff`"):
        comparison.compare(files[0], files[3], [files[2]])
    scores = comparison.compare(files[0], files[3], [files[2]], 3000).scores
    assert scores["flat.wav (low)"]["LSD-high"] > scores["flat.wav (low)"]["LSD-low"]


def test_a_file_given_twice(files):
    with pytest.raises(UserError, match="flat.wav: is given twice"):
        comparison.compare(files[0], files[1], [files[3]] * 2)
