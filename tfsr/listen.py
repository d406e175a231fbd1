"""Make a blind listening test, and evaluate the answers of listeners.

    python -m tfsr.listen ORIGINALS ours=FOLDER spline=FOLDER --html test.html
    python -m tfsr.listen ORIGINALS ours=FOLDER --kind abx --html test.html
    python -m tfsr.listen --score results/*.csv

The first two write one page that works without network, with all files of the folder ORIGINALS.
Each system's folder has files of the same names. Listeners open the page in a browser, answer, and
send back the file that it saves. Channels are averaged, other rates are resampled to the
original's, and ends are cut to the shortest file. The order is drawn for each listener and trial.
--score prints means or percentages with their intervals of 95 %.
"""

from pathlib import Path
from typing import Literal

from absl import flags

from tfsr import command
from tfsr.errors import UserError

# The values of flags, as `ListeningTest` takes them.
_KINDS: dict[str, Literal["mushra", "abx", "ab"]] = {"mushra": "mushra", "abx": "abx", "ab": "ab"}
_LEVELS: dict[str, Literal["none", "rms"]] = {"none": "none", "rms": "rms"}

_HTML = command.report_flag("html", "The page to write.", ".html", ".htm")
_KIND = flags.DEFINE_enum(
    "kind",
    "mushra",
    list(_KINDS),
    "mushra: listeners rate all systems, a hidden reference and anchors from 0 to 100 (ITU-R "
    "BS.1534). abx: is X the system or the original? ab: which one of two systems is preferred?",
)
_ANCHOR = flags.DEFINE_multi_float(
    "anchor", [3500.0], "Bandwidth of mushra's anchor in Hz; may repeat.", lower_bound=20.0
)
_LEVEL = flags.DEFINE_enum(
    "level", "none", list(_LEVELS), "none: as it is. rms: all at the RMS of their original."
)
_NO_PREFERENCE = flags.DEFINE_bool("no_preference", False, "Let ab be answered: no preference.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the random orders.", lower_bound=0)
_SCORE = flags.DEFINE_bool("score", False, "Evaluate files of results; make no new test.")


def main(positional: list[str]) -> None:
    if _SCORE.value:
        _score(positional)
    else:
        _write(positional)


def _score(paths: list[str]) -> None:
    if not paths or _HTML.value:
        raise UserError("listen: --score wants files of results, and writes no page")
    from tfsr.evaluation import listening_scores

    print(listening_scores.summary(listening_scores.read([Path(path) for path in paths])))


def _write(positional: list[str]) -> None:
    if len(positional) < 2 or not _HTML.value:
        raise UserError("listen: give ORIGINALS NAME=FOLDER... --html PAGE, or --score FILE...")
    reference, *systems = positional
    folders = _folders(systems)
    from tfsr.atomic_files import write_text
    from tfsr.evaluation.listening_page import ListeningTest, page

    test = ListeningTest(
        reference=Path(reference),
        systems=folders,
        kind=_KINDS[_KIND.value],
        anchors=tuple(_ANCHOR.value),
        level=_LEVELS[_LEVEL.value],
        no_preference=_NO_PREFERENCE.value,
        seed=_SEED.value,
    )
    write_text(_HTML.value, page(test))
    print(f"page {_HTML.value}")


def _folders(systems: list[str]) -> dict[str, Path]:
    folders = {}
    for system in systems:
        name, separator, folder = system.partition("=")
        if not separator:
            raise UserError(
                f"listen: {system!r} is not of the form NAME=FOLDER, such as ours=wide/"
            )
        if name in folders:
            raise UserError(f"listen: there are two systems {name}")
        folders[name] = Path(folder)
    return folders


if __name__ == "__main__":
    command.run(main)
