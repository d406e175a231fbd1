import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.evaluation.results import FileScores, Results, from_plain, plain


def results(**changes) -> Results:
    files = (
        FileScores(
            "p228/a.flac",
            1.5,
            {"estimate": {"SNR": 20.0, "LSD": 0.75}, "spline": {"SNR": math.inf, "LSD": 2.0}},
        ),
        FileScores(
            "1",
            2.0,
            {"estimate": {"SNR": -math.inf, "LSD": 1.0}, "spline": {"SNR": 24.0, "LSD": math.nan}},
        ),
    )
    fields = {
        "system": "mine",
        "protocol": "tfsr",
        "degradation": "Decimate()",
        "input_rate": 8000,
        "output_rate": 16000,
        "files_hash": "ab" * 32,
        "inputs_hash": "cd" * 32,
        "files": files,
    }
    return Results(**(fields | changes))


def test_means_of_speakers_count_alike():
    files = [("a", 1.0), ("a", 3.0), ("b", 10.0)]
    scored = tuple(FileScores(s, 1.0, {"estimate": {"LSD": x}}, s) for s, x in files)
    together = dataclasses.replace(results(), files=scored)
    assert together.means["estimate"]["LSD"] == 14 / 3
    apart = dataclasses.replace(together, by_speaker=True)
    assert apart.means["estimate"]["LSD"] == 6.0
    assert Results.from_json(apart.to_json()) == apart


def test_several_speakers_have_means_of_their_own():
    files = [("b", 10.0), ("a", 1.0), ("a", 3.0)]
    scored = tuple(FileScores(s, 1.0, {"estimate": {"LSD": x}}, s) for s, x in files)
    several = dataclasses.replace(results(), files=scored)
    assert several.speakers == {("a", "estimate"): {"LSD": 2.0}, ("b", "estimate"): {"LSD": 10.0}}
    assert several.summary().splitlines()[-2].split() == ["a", "estimate", "2.000"]
    one = dataclasses.replace(results(), files=scored[1:])
    many = tuple(dataclasses.replace(scored[0], speaker=str(n)) for n in range(100))
    assert one.speakers == dataclasses.replace(results(), files=many).speakers == {}
    assert "speaker" not in one.summary()


def test_means_leave_out_infinities_but_show_nan():
    means = results().means
    assert means["estimate"] == {"SNR": 20.0, "LSD": 0.875}
    assert means["spline"]["SNR"] == 24.0
    assert math.isnan(means["spline"]["LSD"])


class TestIntervals:
    def of(self, *values: float, **changes):
        files = tuple(
            FileScores(str(n), 1.0, {"estimate": {"LSD": x}, "sinc": {"LSD": 2 * x}}, f"s{n // 2}")
            for n, x in enumerate(values)
        )
        return results(files=files, **changes)

    @given(st.lists(st.floats(-9, 9), min_size=2, max_size=9))
    def test_lie_around_the_mean_and_within_the_scores(self, values):
        mean, low, high = self.of(*values).intervals["estimate"]["LSD"]
        assert mean == pytest.approx(np.mean(values))
        assert min(values) - 1e-9 <= low <= mean + 1e-9
        assert mean - 1e-9 <= high <= max(values) + 1e-9

    def test_are_those_of_the_normal_distribution_for_many_scores(self):
        scores = np.random.default_rng(0).normal(3, 2, 400)
        mean, low, high = self.of(*scores).intervals["estimate"]["LSD"]
        half = 1.96 * np.std(scores) / 20
        assert (low, high) == (
            pytest.approx(mean - half, abs=0.02),
            pytest.approx(mean + half, abs=0.02),
        )

    def test_differences_are_paired(self):
        mean, low, high = self.of(5.0, 5.0, 5.0).differences["sinc"]["LSD"]
        assert (mean, low, high) == (-5.0, -5.0, -5.0)

    def test_speakers_are_drawn_where_means_are_by_speaker(self):
        mean, low, high = self.of(1.0, 3.0, 2.0, 2.0, by_speaker=True).intervals["estimate"]["LSD"]
        assert (mean, low, high) == (2.0, 2.0, 2.0)

    def test_infinite_scores_are_left_out(self):
        mean, low, high = self.of(1.0, math.inf, 1.0).intervals["estimate"]["LSD"]
        assert (mean, low, high) == (1.0, 1.0, 1.0)

    def test_what_means_leave_out_is_told(self):
        told = self.of(1.0, math.inf, 1.0)
        assert told.unscored[0] == "estimate: infinite, and left out of means: LSD of 1 of 3 files"
        assert told.unscored[0] in told.summary()
        assert self.of(math.inf, math.inf).unscored == self.of(1.0, 2.0).unscored == []

    def test_one_file_has_none(self):
        assert self.of(1.0).intervals == self.of(1.0).differences == {}
        assert "95 %" not in self.of(1.0).summary()
        assert "95 %" in self.of(1.0, 2.0).summary()


def test_csv_starts_no_formula():
    file = FileScores("=1+1", 1.0, {"estimate": {"LSD": 1.0}})
    assert "'=1+1,,1.000,estimate" in results(files=(file,)).to_csv()


@pytest.mark.parametrize("name", ["=1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "''", "a=1", ""])
def test_what_starts_no_formula_is_read_again(name):
    assert plain(name)[:1] not in tuple("=+-@\t\r")
    assert from_plain(plain(name)) == name


def test_csv_has_a_line_for_each_file_and_system():
    rows = list(csv.DictReader(io.StringIO(results().to_csv())))
    assert [row["system"] for row in rows] == ["estimate", "spline"] * 2
    assert (rows[1]["file"], rows[1]["SNR"], rows[3]["LSD"]) == ("p228/a.flac", "inf", "nan")


def test_totals():
    assert results().count == 2
    assert results().seconds == 3.5
    assert results().systems == ("estimate", "spline")
    assert results().columns == ("SNR", "LSD")


class TestJson:
    def test_round_trip(self):
        text = results().to_json()
        again = Results.from_json(text)
        assert again.to_json() == text
        assert [file.name for file in again.files] == ["p228/a.flac", "1"]
        np.testing.assert_equal(again.means, results().means)
        whole = results(files=results().files[:1])
        assert Results.from_json(whole.to_json()) == whole

    def test_is_strict(self):
        def refuse(constant):
            pytest.fail(f"{constant} is no JSON")

        fields = json.loads(results().to_json(), parse_constant=refuse)
        assert fields["files"][0]["scores"]["spline"]["SNR"] == "inf"
        assert fields["means"]["estimate"]["LSD"] == 0.875
        assert fields["count"] == 2


class TestText:
    def test_columns_are_aligned(self):
        for text in (results().table(), *results().summary().split("\n\n")[1:]):
            ends = {line.rstrip().__len__() for line in text.splitlines()}
            assert len(ends) == 1

    def test_table_has_a_line_for_each_file_and_system(self):
        lines = results().table().splitlines()
        assert lines[0].split() == ["file", "system", "SNR", "LSD"]
        assert lines[1].split() == ["p228/a.flac", "estimate", "20.000", "0.750"]
        assert [line.split()[0] for line in lines[3:]] == ["1", "1"]

    def test_summary_names_what_was_compared(self):
        summary = results().summary()
        for part in ("mine", "tfsr", "8000 -> 16000 Hz", "Decimate()", "ab" * 32, "2 files"):
            assert part in summary
