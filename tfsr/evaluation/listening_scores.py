"""The answers of a listening test, as means and shares with intervals of 95 %."""

import collections
import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from tfsr.errors import UserError
from tfsr.evaluation.listening_page import REFERENCE
from tfsr.evaluation.results import aligned, from_plain

COLUMNS = ("listener", "trial", "kind", "system", "answer", "seconds")
NO_PREFERENCE = "none"

_SHARE_COLUMNS = ("%", "from", "to", "count", "answers", "p")
_CONFIDENCE = 0.95
# BS.1534-3's post-screening leaves out who rates the hidden reference below 90 in more than 15 % of
# the trials.
_LOWEST_REFERENCE = 90
_MOST_LOW = 0.15


class Answer(NamedTuple):
    """A line of a file of results; see `ListeningTest.kind` for the kinds.

    Attributes:
        system: for "ab" the two systems, as "one|other".
        answer: a rating from 0 to 100 for "mushra", "right" or "wrong" for "abx", the preferred
            system or "none" for "ab".
        seconds: time that the listener took for the trial.
    """

    listener: str
    trial: str
    kind: str
    system: str
    answer: str
    seconds: float


class Rated(NamedTuple):
    """Mean over listeners of each one's mean rating, with its interval (NaN for one listener)."""

    mean: float
    low: float
    high: float
    listeners: int
    ratings: int


class Share(NamedTuple):
    """Share of answers of one kind, its interval, and the p-value under chance."""

    times: int
    answers: int
    low: float
    high: float
    p_value: float


def read(paths: Sequence[Path]) -> list[Answer]:
    """The answers in files that pages of listening tests saved.

    Raises:
        UserError: a file cannot be read, is no file of results, or repeats an answer.
    """
    answers: list[Answer] = []
    places: dict[tuple[str, ...], Path] = {}
    for path in paths:
        for answer in _of_file(path):
            key = answer[:4]
            if key in places:
                raise UserError(
                    f"{path}: the answer of {answer.listener} to {answer.trial}, {answer.system}, "
                    f"is also in {places[key]}: give each file once, and each listener one name"
                )
            places[key] = path
            answers.append(answer)
    return answers


def summary(answers: Iterable[Answer]) -> str:
    """Tables for each kind of test in the answers.

    Raises:
        UserError: no listener of a MUSHRA test is left.
    """
    kinds = collections.defaultdict(list)
    for answer in answers:
        kinds[answer.kind].append(answer)
    return "\n\n".join(_KINDS[kind].text(of_kind) for kind, of_kind in kinds.items())


def careless(answers: Sequence[Answer]) -> set[str]:
    """Listeners to leave out: they rate the hidden reference too low too often (BS.1534)."""
    low = collections.defaultdict(list)
    for answer in answers:
        if answer.system == REFERENCE:
            low[answer.listener].append(float(answer.answer) < _LOWEST_REFERENCE)
    return {listener for listener, each in low.items() if np.mean(each) > _MOST_LOW}


def ratings(answers: Sequence[Answer]) -> dict[str, Rated]:
    """Ratings of each system; the interval is Student's t over the listeners' means.

    Ratings by one person are not independent, so that a sample is a person.
    """
    by_system: dict[str, dict[str, list[float]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for answer in answers:
        by_system[answer.system][answer.listener].append(float(answer.answer))
    return {system: _rated(list(each.values())) for system, each in by_system.items()}


def identified(answers: Sequence[Answer]) -> dict[str, Share]:
    """How often X was identified, for each system; the test is one-sided against guessing."""
    by_system = collections.defaultdict(list)
    for answer in answers:
        by_system[answer.system].append(answer.answer == "right")
    return {
        system: _share(sum(right), len(right), "greater") for system, right in by_system.items()
    }


def preferred(answers: Sequence[Answer]) -> dict[str, Share]:
    """How often the first of a pair was preferred, among answers with a preference."""
    by_pair = collections.defaultdict(list)
    for answer in answers:
        by_pair[answer.system].append(answer.answer)
    return {
        pair: _share(
            given.count(pair.split("|")[0]),
            len(given) - given.count(NO_PREFERENCE),
            "two-sided",
        )
        for pair, given in by_pair.items()
    }


def _of_file(path: Path) -> list[Answer]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = list(csv.DictReader(file, strict=True))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no CSV file ({error})") from error
    if not lines or set(lines[0]) != set(COLUMNS):
        raise UserError(f"{path}: is no result of a test, with the columns {', '.join(COLUMNS)}")
    return [_answer(path, number, line) for number, line in enumerate(lines, 2)]


def _answer(path: Path, number: int, line: Mapping[str, str]) -> Answer:
    try:
        texts = {column: from_plain(cell) for column, cell in line.items() if column != "seconds"}
        answer = Answer(**texts, seconds=float(line["seconds"]))
        valid = _KINDS[answer.kind].valid(answer)
    except (KeyError, TypeError, ValueError):  # no such kind, cells missing, no number
        valid = False
    if not valid:
        raise UserError(f"{path}: line {number} is no answer of a listening test")
    return answer


def _rated(by_listener: Sequence[Sequence[float]]) -> Rated:
    means = [float(np.mean(given)) for given in by_listener]
    mean, low, high = float(np.mean(means)), math.nan, math.nan
    if len(means) > 1:
        error = stats.sem(means)
        # SciPy gives NaN where all agree.
        low, high = (
            stats.t.interval(_CONFIDENCE, len(means) - 1, mean, error) if error else (mean, mean)
        )
    return Rated(mean, float(low), float(high), len(means), sum(map(len, by_listener)))


def _share(times: int, answers: int, alternative: str) -> Share:
    if not answers:
        return Share(0, 0, math.nan, math.nan, math.nan)
    test = stats.binomtest(times, answers, alternative=alternative)
    # One-sided tests have one-sided intervals, which is not what is shown.
    low, high = stats.binomtest(times, answers).proportion_ci(_CONFIDENCE, "wilson")
    return Share(times, answers, float(low), float(high), float(test.pvalue))


def _mushra_text(answers: Sequence[Answer]) -> str:
    everyone, dropped = {answer.listener for answer in answers}, careless(answers)
    if dropped == everyone:
        raise UserError(
            "no listener is left: all rated the hidden reference below 90 in more than 15 % of "
            "their trials"
        )
    rated = ratings([answer for answer in answers if answer.listener not in dropped])
    rows = [
        [system, *(_decimal(x) for x in row[:3]), str(row.listeners), str(row.ratings)]
        for system, row in sorted(rated.items(), key=lambda item: -item[1].mean)
    ]
    return "\n".join(
        [
            "MUSHRA: means over listeners' mean ratings, 95 % intervals by Student's t over these.",
            f"{len(dropped)} of {len(everyone)} listeners left out, who rated the hidden reference "
            "below 90 in more than 15 % of their trials (BS.1534).",
            aligned(["system", "mean", "from", "to", "listeners", "ratings"], rows, texts=1),
        ]
    )


def _abx_text(answers: Sequence[Answer]) -> str:
    rows = [_cells(name, share) for name, share in identified(answers).items()]
    return (
        "ABX: how often X was told, 95 % intervals by Wilson; p of so many or more by guessing "
        f"(binomial test).\n{aligned(['system', *_SHARE_COLUMNS], rows, texts=1)}"
    )


def _ab_text(answers: Sequence[Answer]) -> str:
    rows = []
    for pair, share in preferred(answers).items():
        first, _, other = pair.partition("|")
        undecided = sum(
            answer.answer == NO_PREFERENCE for answer in answers if answer.system == pair
        )
        rows.append([f"{first} to {other}", *_cells("", share)[1:], str(undecided)])
    columns = ["preferred", *_SHARE_COLUMNS, "no preference"]
    return (
        "A/B: how often the first was preferred to the other where one was, 95 % intervals by "
        f"Wilson; p of a share so far from one half (binomial test).\n{aligned(columns, rows, 1)}"
    )


def _cells(name: str, share: Share) -> list[str]:
    percent = 100 * share.times / share.answers if share.answers else math.nan
    numbers = (_decimal(x) for x in (percent, 100 * share.low, 100 * share.high))
    return [name, *numbers, str(share.times), str(share.answers), f"{share.p_value:.3g}"]


def _decimal(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"


def _valid_choice(answer: Answer) -> bool:
    pair = answer.system.split("|")
    return len(pair) == 2 and answer.answer in (*pair, NO_PREFERENCE)


class _Kind(NamedTuple):
    """The properties of a kind of test."""

    valid: Callable[[Answer], bool]
    text: Callable[[Sequence[Answer]], str]


_KINDS = {
    "mushra": _Kind(lambda answer: 0 <= float(answer.answer) <= 100, _mushra_text),
    "abx": _Kind(lambda answer: answer.answer in ("right", "wrong"), _abx_text),
    "ab": _Kind(_valid_choice, _ab_text),
}
