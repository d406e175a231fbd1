import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.evaluation import artifacts
from tfsr.evaluation.artifacts import FLOOR_DBFS, Artifacts, Line, Probe, measure, measure_run
from tfsr.layers.subpixel import NearestNeighbour, Subpixel
from tfsr.networks.audiounet import AudioUNet
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.interpolation import Interpolation
from tfsr.upsamplers.regression import Regression


class Tones(Upsampler):
    """Adds to what it repeats 0.01 at half the rate and a sine of 0.001 at a quarter of it."""

    hop = 4
    receptive_field = 0

    def upsample(self, low, noise=None):
        high = tf.repeat(low, self.ratio, axis=1)
        time = tf.range(tf.cast(tf.shape(high)[1], tf.float32))
        return high + 0.01 * tf.cos(np.pi * time) + 0.001 * tf.sin(np.pi / 2 * time)


class Noisy(Upsampler):
    """Adds noise of -30 dB re 1, and a sine of 0.1 at a quarter of the rate if it is asked for."""

    hop = 4
    noise_steps = 1

    def __init__(self, *rates, amplitude=0.0):
        super().__init__(*rates)
        self.amplitude = amplitude

    def upsample(self, low, noise=None):
        high = tf.repeat(low, self.ratio, axis=1)
        time = tf.range(tf.cast(tf.shape(high)[1], tf.float32))
        return high + 10**-1.5 * noise[0] + self.amplitude * tf.sin(np.pi / 2 * time)


class RepeatConvolution(Upsampler):
    """Repeats samples, then convolves: the same kernel for all of them."""

    hop = 4
    receptive_field = 2

    def upsample(self, low, noise=None):
        high = tf.repeat(low, self.ratio, axis=1)[..., tf.newaxis]
        kernel = tf.constant([0.2, 0.9, -0.3])[:, tf.newaxis, tf.newaxis]
        return tf.nn.conv1d(high, kernel, 1, "SAME")[..., 0] + 0.05


class Offset(Upsampler):
    """Gives back its input, at the same rate."""

    receptive_field = 0

    def upsample(self, low, noise=None):
        return low + 0.1


class Broken(Offset):
    def upsample(self, low, noise=None):
        return low / 0.0


def unet(upsampling=None) -> Regression:
    keras.utils.set_random_seed(1)
    upsampler = Regression(AudioUNet((4, 4), upsampling=upsampling), 2000, 4000)
    upsampler.initialize()
    return upsampler


def trained(upsampler: Regression) -> Regression:
    """With weights and biases far from what it begins with, as if it had been trained."""
    random = np.random.default_rng(0)
    for weight in upsampler.network.trainable_variables:
        weight.assign(0.2 * random.standard_normal(weight.shape))
    return upsampler


def lines_of(result: Artifacts, probe: str = "constant") -> dict[float, float]:
    found = {probe.name: probe for probe in result.probes}
    return {line.hz: line.level_dbfs for line in found[probe].tones}


def probe(*lines: Line, name: str = "zeros") -> Probe:
    return Probe(name, lines, np.arange(5.0), np.full(5, FLOOR_DBFS))


class TestMeasure:
    @pytest.mark.parametrize("name", ["zeros", "constant"])
    def test_known_tones_at_their_levels(self, name):
        result = measure(Tones(2000, 4000))
        assert (result.system, result.rate, result.period) == ("Tones", 4000, 8)
        levels = lines_of(result, name)
        assert list(levels) == [2000, 1000]
        # What alternates has twice the mean square of a sine.
        assert levels[2000] == pytest.approx(-40 + 3.01, abs=0.1)
        assert levels[1000] == pytest.approx(-60, abs=0.1)

    def test_every_possible_place_is_a_line(self):
        first, second = measure(Tones(2000, 4000)).probes
        assert [line.hz for line in first.lines] == [500, 1000, 1500, 2000]
        assert [line.hz for line in second.lines] == [500, 1000, 1500, 2000]
        assert first.lines[0].level_dbfs == FLOOR_DBFS
        assert first.lines[0].excess_db == 0
        assert first.lines[3].excess_db == pytest.approx(120 - 37, abs=0.1)

    def test_rate_that_is_no_multiple_of_the_period(self):
        levels = lines_of(measure(Tones(2205, 4410)))
        assert list(levels) == [2205, 1102.5]
        assert levels[1102.5] == pytest.approx(-60, abs=0.1)

    def test_odd_period_has_no_line_at_half_the_rate(self):
        upsampler = Interpolation(1000, 3000)
        assert [line.hz for line in measure(upsampler).probes[0].lines] == [1000]

    def test_period_of_one_sample_has_no_lines(self):
        result = measure(Offset(2000, 2000))
        assert result.period == 1
        assert [probe.lines for probe in result.probes] == [(), ()]
        assert "no lines are possible" in result.summary()

    @pytest.mark.parametrize("upsampler", [Interpolation, RepeatConvolution])
    def test_same_kernels_everywhere_make_no_line(self, upsampler):
        result = measure(upsampler(2000, 8000))
        assert result.period > 1
        assert [probe.tones for probe in result.probes] == [(), ()]
        assert all(probe.levels.max() == FLOOR_DBFS for probe in result.probes)

    def test_subpixel_network_has_lines_and_nothing_else(self):
        result = measure(trained(unet()))
        assert result.period == 8
        assert sorted(lines_of(result)) == [500, 1000, 1500, 2000]
        for measured in result.probes:
            distance = np.abs((measured.frequencies + 250) % 500 - 250)
            # Three bins on either side are the window's own.
            between = distance > 3.5 * measured.frequencies[1]
            assert measured.levels[between].max() == FLOOR_DBFS

    @pytest.mark.parametrize(
        "cured", [lambda: trained(unet(NearestNeighbour())), lambda: unet(Subpixel(icnr=True))]
    )
    def test_cures_leave_no_line(self, cured):
        assert lines_of(measure(unet()))
        assert [probe.tones for probe in measure(cured()).probes] == [(), ()]

    def test_long_period(self):
        upsampler = Tones(2000, 4000)
        upsampler.hop = 2048
        result = measure(upsampler)
        assert len(result.probes[0].lines) == 2048
        assert list(lines_of(result)) == [2000, 1000]

    def test_noise_is_no_line(self):
        result = measure(Noisy(2000, 4000))
        assert lines_of(result) == {}
        assert result.probes[0].lines[0].level_dbfs > -70

    def test_line_in_noise(self):
        levels = lines_of(measure(Noisy(2000, 4000, amplitude=0.1)))
        assert list(levels) == [1000]
        assert levels[1000] == pytest.approx(-20, abs=0.5)

    def test_seed_decides_over_noise(self):
        def lines(seed):
            return measure(Noisy(2000, 4000), seed=seed).probes[0].lines

        assert lines(0) == lines(0) != lines(1)

    def test_values_that_are_not_finite(self):
        with pytest.raises(UserError, match="mine answers .* not finite"):
            measure(Broken(2000, 4000), "mine")


class TestText:
    LINES = tuple(Line(100.0 * k, -30.0 - k, 90.0 - k) for k in range(1, 16))

    def test_table_has_the_strongest_and_counts_the_others(self):
        lines = Artifacts("mine", 4000, 40, (probe(*self.LINES[::-1]),)).table().splitlines()
        assert lines[0].split() == ["probe", "Hz", "level", "dBFS", "excess", "dB"]
        assert lines[1].split() == ["zeros", "100.0", "-31.0", "89.0"]
        assert lines[-1].split() == ["zeros", "and", "3", "weaker"]
        assert len(lines) == 1 + 12 + 1

    def test_no_line_is_said_plainly(self):
        result = Artifacts("mine", 4000, 4, (probe(Line(1000.0, -119.0, 1.0)),))
        assert "zeros     no line rises above the floor" in result.table()
        assert "zeros: no line rises above the floor" in result.summary()
        assert result.probes[0].sum_dbfs == FLOOR_DBFS

    def test_summary_has_the_strongest_and_the_sum(self):
        both = Line(1000.0, -40.0, 80.0), Line(2000.0, -40.0, 80.0)
        summary = Artifacts("mine", 4000, 4, (probe(*both),)).summary()
        assert "mine, 4000 Hz: lines are possible at the multiples of 1000.0 Hz" in summary
        assert "zeros: strongest -40.0 dBFS at 1000.0 Hz, all 2 together -37.0 dBFS" in summary

    def test_json(self):
        quiet = probe(Line(1000.0, FLOOR_DBFS, 0.0), name="constant")
        result = Artifacts("mine", 4000, 40, (probe(*self.LINES), quiet))
        fields = json.loads(result.to_json())
        zeros, constant = fields.pop("probes")
        assert fields == {"system": "mine", "rate": 4000, "period": 40, "floor_dbfs": -120}
        assert zeros["strongest"] == {"hz": 100, "level_dbfs": -31, "excess_db": 89}
        assert [line["hz"] for line in zeros["lines"]] == [line.hz for line in self.LINES]
        assert zeros["tones"] == 15
        assert (constant["tones"], constant["strongest"]) == (0, None)


class TestMeasureRun:
    UPSAMPLER = Tones(2000, 4000)

    def test_prints_and_writes(self, tmp_path, capsys):
        result = measure_run(self.UPSAMPLER, tmp_path / "x")
        printed = capsys.readouterr().out
        folder = tmp_path / "x" / "evaluation" / "artifacts"
        assert result.system == "x"
        assert result.table() in printed
        assert result.summary() in printed
        assert f"picture {folder / 'spectrum.png'}" in printed
        assert (folder / "lines.json").read_text() == result.to_json()
        assert (folder / "spectrum.png").read_bytes() == artifacts.picture(result)
        assert sorted(path.name for path in folder.iterdir()) == ["lines.json", "spectrum.png"]

    def test_other_folder(self, tmp_path):
        measure_run(self.UPSAMPLER, tmp_path / "x", tmp_path / "page")
        assert (tmp_path / "page" / "lines.json").exists()
        assert not (tmp_path / "x").exists()

    def test_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="file/page"):
            measure_run(self.UPSAMPLER, tmp_path, tmp_path / "file" / "page")
