"""Score outputs of systems, file by file, against the originals; no model or run is needed.

    python -m tfsr.score originals/ ours/ theirs/ --low low/ --protocol apbwe
    python -m tfsr.score originals/ AERO=aero/out SEANet=seanet/out --low low/ --html page.html
    python -m tfsr.score original.wav wide.wav --cutoff 4000 --json scores.json --csv scores.csv

The first argument is a folder of originals, or one original. The others are outputs of systems:
files named like the originals, whatever their extensions. NAME= sets a system's name in the tables.
--low is the input of the systems. The columns for the high band count from half its rate upwards.
Interpolations of --low stand beside the systems. The command prints means with their 95 % intervals
(bootstrap). It compares the first system with each other one on the same files. It also reports
oddities: levels, delays, and low bands that differ from the input's. Files that do not fit are
refused.
"""

import functools
import os
from pathlib import Path

from absl import flags

from tfsr import command
from tfsr.errors import UserError
from tfsr.evaluation.protocol_names import listed

# Of so many originals, each file is printed.
_MOST_PRINTED = 20

_PROTOCOL = flags.DEFINE_string(
    "protocol",
    "tfsr",
    f"Protocol of the metrics; these patterns name several: {listed()}. Or one of your own, as "
    "module:name of a tfsr.evaluation.protocols.Protocol.",
)
_LOW = flags.DEFINE_string("low", None, "The input of the systems: a folder, or a file.")
_CUTOFF = flags.DEFINE_float(
    "cutoff", None, "Hz above which the systems added content. Default: half the rate of --low."
)
_FRAME_RATE = flags.DEFINE_float(
    "frame_rate", None, "Frames per second of the systems, at which their output may buzz."
)
_CSV = command.report_flag("csv", "File for the scores of each file, as a table.", ".csv")
_JSON = command.report_flag("json", "File for all scores as JSON.", ".json")
_HTML = command.report_flag(
    "html", "File for a page that shows and plays the signals.", ".html", ".htm"
)


def main(positional: list[str]) -> None:
    if len(positional) < 2:
        raise UserError("score: give REFERENCE and ESTIMATE..., folders or files; --help says more")
    reference, *estimates = positional
    systems = _systems(estimates)
    from tfsr.api import score
    from tfsr.atomic_files import write_text
    from tfsr.evaluation import report

    results = score(
        reference,
        systems,
        _PROTOCOL.value,
        low=_LOW.value,
        cutoff=_CUTOFF.value,
        frame_rate=_FRAME_RATE.value,
    )
    if results.count <= _MOST_PRINTED:
        print(results.table(), end="\n\n")
    print(results.summary())
    for flag, text in (
        (_CSV, results.to_csv),
        (_JSON, results.to_json),
        (_HTML, functools.partial(report.page, results)),
    ):
        if flag.value:
            write_text(flag.value, text())
            print(f"{flag.name} {flag.value}")


def _systems(estimates: list[str]) -> dict[str, str]:
    """Name -> path, from NAME=PATH or a path; the last part of a path is the name."""
    systems: dict[str, str] = {}
    for estimate in estimates:
        name, separator, path = estimate.partition("=")
        if not separator or os.path.exists(estimate):
            name, path = _name(Path(estimate).resolve()), estimate
        if name in systems:
            raise UserError(f"score: there are two systems {name}; give NAME=PATH")
        systems[name] = path
    return systems


def _name(path: Path) -> str:
    """The name of a folder, or the name of a file without its extension."""
    return path.stem if path.is_file() else path.name


if __name__ == "__main__":
    command.run(main)
