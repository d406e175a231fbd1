import io
import subprocess
import sys

import numpy as np
from PIL import Image

from tfsr import plot
from tfsr.plot import Panel, Spectrum

RATE = 16000


def tone(hz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), int)


class TestSpectrogramPng:
    def test_is_a_png_with_transparent_ground(self):
        picture = pixels(plot.spectrogram_png(Panel("tone", tone(1000), RATE)))
        assert picture[0, 0, 3] == 0
        assert picture[..., 3].max() == 255

    def test_a_tone_is_a_bright_line_at_its_place(self):
        picture = pixels(plot.spectrogram_png(Panel("", tone(2000), RATE)))
        column = picture[:, picture.shape[1] // 3, :]
        inside = np.flatnonzero(column[:, 3] == 255)
        brightest = inside[np.argmax(column[inside, :3].sum(axis=1))]
        place = (inside[-1] - brightest) / (inside[-1] - inside[0])
        assert abs(place - 0.25) < 0.02

    def test_shared_level_shows_what_is_quieter(self):
        level = plot.reference_level(tone(1000), RATE)
        own = plot.spectrogram_png(Panel("", 0.01 * tone(1000), RATE))
        shared = plot.spectrogram_png(Panel("", 0.01 * tone(1000), RATE), level)
        same = plot.spectrogram_png(Panel("", tone(1000), RATE), level)
        assert pixels(shared)[..., :3].sum() < pixels(own)[..., :3].sum()
        np.testing.assert_array_equal(pixels(same), pixels(own))

    def test_any_length_and_silence(self):
        for samples in (1, 7, 300):
            assert plot.spectrogram_png(Panel("", np.zeros(samples), RATE), top_hz=24000)


class TestBarePictures:
    def test_no_margin_and_a_tone_at_its_place(self):
        level = plot.reference_level(tone(2000), RATE)
        picture = pixels(plot.bare_spectrogram_png(Panel("", tone(2000), RATE), level, RATE / 2))
        assert picture[..., 3].min() == 255
        brightest = np.argmax(picture[:, picture.shape[1] // 2, :3].sum(axis=1))
        assert abs(brightest / len(picture) - 0.75) < 0.02

    def test_all_signals_of_a_length_have_pictures_of_one_size(self):
        pictures = [
            pixels(plot.bare_spectrogram_png(Panel("", x, RATE), 0.0, RATE / 2))
            for x in (tone(500), np.zeros(RATE))
        ]
        assert pictures[0].shape == pictures[1].shape

    def test_softer_is_blue_louder_is_red_and_equal_neither(self):
        original = tone(2000)
        level = plot.reference_level(original, RATE)

        def centre(waveform):
            picture = pixels(plot.difference_png(Panel("", waveform, RATE), original, level))
            return picture[len(picture) * 3 // 4, picture.shape[1] // 2, :3]

        red, _, blue = centre(0.1 * original)
        assert blue > red + 50
        red, _, blue = centre(10 * original)
        assert red > blue + 50
        assert np.ptp(centre(original)) < 10

    def test_what_is_too_soft_to_be_seen_counts_as_equal(self):
        silence, whisper = np.zeros(RATE), 1e-6 * tone(2000)
        level = plot.reference_level(tone(2000), RATE)
        picture = pixels(plot.difference_png(Panel("", whisper, RATE), silence, level))
        assert np.ptp(picture[..., :3], axis=-1).max() < 10

    def test_bar_goes_from_the_lowest_colour_to_the_highest(self):
        bar = pixels(plot.colours_png(plot.LEVELS))
        assert bar[0, 0, :3].sum() < 50 < 500 < bar[0, -1, :3].sum()


class TestLongTermSpectrum:
    def test_a_sine_of_full_scale_is_at_0_dbfs(self):
        spectrum = plot.long_term_spectrum(Panel("sine", tone(2000), RATE))
        loudest = np.argmax(spectrum.levels)
        assert (spectrum.title, spectrum.frequencies[loudest]) == ("sine", 2000)
        assert abs(spectrum.levels[loudest]) < 0.1

    def test_any_length_and_silence(self):
        for samples in (1, 300):
            levels = plot.long_term_spectrum(Panel("", np.zeros(samples), RATE)).levels
            assert np.all(levels == -200)


class TestOverlaidSpectraPng:
    def test_each_spectrum_has_a_colour_of_its_own(self):
        frequencies = np.linspace(0, RATE / 2, 65)
        spectra = [Spectrum(str(k), frequencies, np.full(65, -20.0 * k), []) for k in range(1, 4)]
        picture = pixels(plot.overlaid_spectra_png(spectra, -120.0))
        assert picture[0, 0, 3] == 0
        opaque = picture[picture[..., 3] == 255][:, :3]
        for colour in plot._CURVES[:3]:
            wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
            assert np.all(np.abs(opaque - wanted) < 3, axis=1).sum() > 100

    def test_a_title_is_no_formula(self):
        assert plot.overlaid_spectra_png([Spectrum("$x_$", np.arange(3), np.zeros(3), [])], -9.0)


class TestSpectraPng:
    @staticmethod
    def drawn(levels, marks=(), floor=-120.0, titles=("",)) -> np.ndarray:
        frequencies = np.linspace(0, RATE / 2, len(levels))
        spectra = [Spectrum(title, frequencies, levels, marks) for title in titles]
        return pixels(plot.spectra_png(spectra, floor))

    @staticmethod
    def curve(picture: np.ndarray) -> np.ndarray:
        """Where the picture is blue."""
        return (picture[..., 3] > 128) & (picture[..., 2] - picture[..., 0] > 80)

    def test_transparent_ground_and_ink_that_is_neither_black_nor_white(self):
        picture = self.drawn(np.full(65, -120.0), marks=[4000], titles=["zeros"])
        assert picture[0, 0, 3] == 0
        assert np.median(picture[..., 3]) == 0
        ink = picture[picture[..., 3] == 255, :3].mean(axis=1)
        assert 60 < ink.min() < ink.max() < 200

    def test_a_line_stands_at_its_place(self):
        levels = np.full(65, -120.0)
        levels[48] = -20.0
        rows, columns = np.nonzero(self.curve(self.drawn(levels)))
        peak = columns[np.argmin(rows)]
        place = (peak - columns.min()) / (columns.max() - columns.min())
        assert abs(place - 0.75) < 0.01

    def test_louder_is_higher(self):
        heights = [
            np.nonzero(self.curve(self.drawn(np.full(65, level))))[0].mean()
            for level in (-120.0, -60.0, -20.0)
        ]
        assert np.isclose((heights[0] - heights[1]) / (heights[1] - heights[2]), 1.5, rtol=0.05)

    def test_what_is_below_the_floor_lies_on_it(self):
        np.testing.assert_array_equal(
            self.drawn(np.full(65, -300.0)), self.drawn(np.full(65, -120.0))
        )

    def test_marks_are_drawn_and_every_spectrum_has_its_place(self):
        levels = np.full(65, -120.0)
        plain, marked = self.drawn(levels), self.drawn(levels, marks=[2000, 6000])
        assert (marked[..., 3] > 0).sum() > (plain[..., 3] > 0).sum()
        assert len(self.drawn(levels, titles=("a", "b"))) > 1.5 * len(plain)


class TestReferenceLevel:
    def test_follows_the_gain(self):
        louder = plot.reference_level(10 * tone(1000), RATE)
        assert np.isclose(louder - plot.reference_level(tone(1000), RATE), 20)

    def test_is_the_same_at_another_rate(self):
        levels = [plot.reference_level(tone(1000, rate=rate), rate) for rate in (8000, 16000)]
        assert abs(levels[0] - levels[1]) < 0.5


class TestSpectrogramRow:
    def test_shape_and_order(self):
        sounds = {"low": tone(500, rate=8000), "estimate": np.zeros(RATE), "high": tone(500)}
        row = plot.spectrogram_row(sounds, (8000, RATE, RATE))
        assert row.dtype == np.uint8
        assert row.shape[2] == 3
        assert row.shape[1] > 3 * row.shape[0]

    def test_the_last_sets_the_scale(self):
        silent = plot.spectrogram_row({"a": tone(500) * 0, "b": tone(500)}, (RATE, RATE))
        sounding = plot.spectrogram_row({"a": tone(500), "b": tone(500)}, (RATE, RATE))
        third = silent.shape[1] // 3
        assert sounding[:, :third].sum() > silent[:, :third].sum()
        right = slice(silent.shape[1] // 2 + 20, None)
        np.testing.assert_array_equal(silent[:, right], sounding[:, right])


def test_importing_does_not_import_matplotlib_nor_pyplot_at_all():
    code = (
        "import sys, numpy, tfsr.plot as p; assert 'matplotlib' not in sys.modules;"
        "p.spectrogram_png(p.Panel('', numpy.zeros(9), 8000));"
        "assert 'matplotlib.pyplot' not in sys.modules; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
