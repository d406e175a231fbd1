import math

import numpy as np
import pytest
from scipy import stats

from tfsr.errors import UserError
from tfsr.evaluation import listening_scores
from tfsr.evaluation.listening_scores import Answer

HEAD = "listener,trial,kind,system,answer,seconds\n"


def mushra(listener: str, **ratings: list[float]) -> list[Answer]:
    return [
        Answer(listener, f"t{trial}", "mushra", system, str(rating), 9.0)
        for system, given in ratings.items()
        for trial, rating in enumerate(given)
    ]


def choices(kind: str, system: str, *given: str) -> list[Answer]:
    return [Answer(f"l{n}", "t", kind, system, answer, 5.0) for n, answer in enumerate(given)]


class TestRead:
    def test_all_files(self, tmp_path):
        (tmp_path / "a.csv").write_text(f'{HEAD}"Doe, Ann",t,mushra,ours,70,3.5\n')
        (tmp_path / "b.csv").write_text(f"\ufeff{HEAD}Bo,t,abx,ours,right,2\n", "utf-8")
        assert listening_scores.read([tmp_path / "a.csv", tmp_path / "b.csv"]) == [
            Answer("Doe, Ann", "t", "mushra", "ours", "70", 3.5),
            Answer("Bo", "t", "abx", "ours", "right", 2.0),
        ]

    def test_what_would_be_a_formula(self, tmp_path):
        lines = "'=A,'+t,ab,'-b|@c,'@c,1\nBo,t,ab,'=b|c,'=b,1\n"
        (tmp_path / "a.csv").write_text(f"{HEAD}{lines}")
        first, second = listening_scores.read([tmp_path / "a.csv"])
        assert first == Answer("=A", "+t", "ab", "-b|@c", "@c", 1.0)
        assert second == Answer("Bo", "t", "ab", "=b|c", "=b", 1.0)

    @pytest.mark.parametrize(
        "line",
        [
            "A,t,mushra,ours,101,1",
            "A,t,mushra,ours,nan,1",
            "A,t,mushra,ours,good,1",
            "A,t,abx,ours,maybe,1",
            "A,t,ab,ours|spline,linear,1",
            "A,t,ab,ours,ours,1",
            "A,t,mos,ours,5,1",
            "A,t,mushra,ours,50",
            "A,t,mushra,ours,50,1,2",
        ],
    )
    def test_a_line_that_is_no_answer(self, tmp_path, line):
        (tmp_path / "a.csv").write_text(f"{HEAD}A,t,abx,ours,right,1\n{line}\n")
        with pytest.raises(UserError, match="a.csv: line 3 is no answer"):
            listening_scores.read([tmp_path / "a.csv"])

    @pytest.mark.parametrize("text", ["", "step,loss\n1,2\n", HEAD])
    def test_another_file(self, tmp_path, text):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(UserError, match="a.csv: is no result of a test"):
            listening_scores.read([tmp_path / "a.csv"])

    def test_no_file_and_no_text(self, tmp_path):
        with pytest.raises(UserError, match="a.csv: cannot be read"):
            listening_scores.read([tmp_path / "a.csv"])
        (tmp_path / "a.csv").write_bytes(b"RIFF\xff\xff")
        with pytest.raises(UserError, match="a.csv: is no CSV file"):
            listening_scores.read([tmp_path / "a.csv"])

    def test_an_answer_that_is_there_twice(self, tmp_path):
        for name in ("a.csv", "b.csv"):
            (tmp_path / name).write_text(f"{HEAD}Ann,t,abx,ours,right,2\n")
        with pytest.raises(
            UserError, match="b.csv: the answer of Ann to t, ours, is also in .*a.csv"
        ):
            listening_scores.read([tmp_path / "a.csv", tmp_path / "b.csv"])


class TestMushra:
    def test_interval_is_students_over_listeners(self):
        answers = [
            *mushra("a", ours=[60, 80]),
            *mushra("b", ours=[50, 70]),
            *mushra("c", ours=[90, 90]),
        ]
        rated = listening_scores.ratings(answers)["ours"]
        means = [70, 60, 90]
        half = stats.t.ppf(0.975, 2) * np.std(means, ddof=1) / math.sqrt(3)
        expected = (np.mean(means), np.mean(means) - half, np.mean(means) + half)
        np.testing.assert_allclose(rated[:3], expected)
        assert rated[3:] == (3, 6)

    def test_one_listener_has_no_interval_and_agreement_is_one_of_no_width(self):
        one = mushra("a", ours=[60, 80])
        assert np.isnan(listening_scores.ratings(one)["ours"].low)
        agreed = listening_scores.ratings(one + mushra("b", ours=[70, 70]))["ours"]
        assert agreed[:3] == (70, 70, 70)

    @pytest.mark.parametrize(("low", "trials", "dropped"), [(1, 7, False), (1, 6, True)])
    def test_who_misses_the_reference_in_more_than_15_percent_is_left_out(
        self, low, trials, dropped
    ):
        answers = mushra("a", reference=[89] * low + [90] * (trials - low), ours=[10])
        assert listening_scores.careless(answers) == ({"a"} if dropped else set())

    def test_summary_leaves_them_out_and_counts_them(self):
        answers = [
            *mushra("careful", reference=[100], ours=[60]),
            *mushra("good", reference=[95], ours=[70]),
            *mushra("careless", reference=[20], ours=[0]),
        ]
        text = listening_scores.summary(answers)
        assert "1 of 3 listeners left out" in text
        assert text.splitlines()[-1].split()[:2] == ["ours", "65.0"]
        with pytest.raises(UserError, match="no listener is left"):
            listening_scores.summary(answers[-2:])


class TestChoices:
    def test_abx_is_tested_against_guessing(self):
        share = listening_scores.identified(choices("abx", "ours", *["right"] * 9, "wrong"))["ours"]
        assert share[:2] == (9, 10)
        assert share.p_value == pytest.approx(11 / 1024)
        # Wilson's formula.
        z, n, p = stats.norm.ppf(0.975), 10, 0.9
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        np.testing.assert_allclose(share[2:4], (centre - half, centre + half))

    def test_preferences_are_shares_of_those_who_have_one(self):
        given = ["ours"] * 6 + ["spline"] * 2 + ["none"] * 4
        answers = choices("ab", "ours|spline", *given)
        share = listening_scores.preferred(answers)["ours|spline"]
        assert share[:2] == (6, 8)
        assert share.p_value == pytest.approx(2 * 37 / 256)
        line = listening_scores.summary(answers).splitlines()[-1]
        assert line.startswith("ours to spline") and line.split()[-1] == "4"

    def test_nobody_prefers_any(self):
        text = listening_scores.summary(choices("ab", "ours|spline", "none"))
        assert text.splitlines()[-1].split()[3:6] == ["-", "-", "-"]

    def test_each_kind_has_its_table(self):
        answers = choices("abx", "ours", "right") + choices("ab", "a|b", "a")
        tables = listening_scores.summary(answers).split("\n\n")
        assert [table[:3] for table in tables] == ["ABX", "A/B"]
