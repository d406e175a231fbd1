"""Compare outputs of systems for one recording with the original, on a page to hear and to see.

    python -m tfsr.compare original.wav low.wav wide.wav spline.wav --html page.html
    python -m tfsr.compare original.wav low.wav wide.wav --figure before_after.png

The first file is the original, the second the input of the systems, the others their outputs. The
command prints the scores of the protocol tfsr and writes one page that works without network. The
page has one player, which switches between all signals while it plays. It shows spectrograms on one
scale, their differences to the original's, and long-term average spectra. Channels are averaged,
other rates are resampled to the original's, and ends are cut to the shortest file. A file that is
shorter by more than a tenth is refused.
"""

from pathlib import Path

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_HTML = command.report_flag("html", "The page to write.", ".html", ".htm")
_FIGURE = command.report_flag("figure", "A PNG file for the spectrograms, side by side.", ".png")
_CUTOFF = flags.DEFINE_float(
    "cutoff",
    None,
    "Highest frequency of LOW in Hz; LSD-high counts from there upwards. Default: half its rate.",
    lower_bound=1.0,
)


def main(positional: list[str]) -> None:
    if len(positional) < 3 or not (_HTML.value or _FIGURE.value):
        raise UserError(
            "compare: give ORIGINAL LOW OUT... and --html PAGE or --figure PNG; --help explains "
            "them"
        )
    from tfsr.atomic_files import new_file
    from tfsr.evaluation.comparison import compare, figure

    original, low, *outs = map(Path, positional)
    comparison = compare(original, low, outs, _CUTOFF.value)
    print(comparison.table())
    if _HTML.value:
        comparison.write_page(_HTML.value)
        print(f"\npage {_HTML.value}")
    if _FIGURE.value:
        from matplotlib.image import imsave

        with new_file(_FIGURE.value) as part:
            imsave(part, figure(comparison), format="png")
        print(f"\nfigure {_FIGURE.value}")


if __name__ == "__main__":
    command.run(main)
