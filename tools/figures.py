"""The figures of docs/results.md.

    python tools/figures.py spectrograms --run_dir runs/nuwave_x2 --run_dir runs/audiounet_48k \
        --protocol nuwave --output docs/nuwave_x2.png
    python tools/figures.py spectrograms --run_dir runs/voicefixer --protocol voicefixer \
        --low noise/low --high noise/high --output docs/voicefixer_noise.png
    python tools/figures.py curves docs/runs/nuwave_x2 docs/runs/audiounet_48k \
        --output docs/nuwave_x2_curves.png
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from tfsr import command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, type=Path)
    kinds = parser.add_subparsers(required=True)
    kind = kinds.add_parser("spectrograms", help="a test recording through runs, side by side")
    kind.add_argument("--run_dir", action="append", required=True, help="may repeat")
    kind.add_argument("--protocol", default="tfsr", help="how it is prepared and degraded")
    kind.add_argument("--recording", type=int, default=0, help="number in the test split")
    kind.add_argument("--low", type=Path, help="folder of files to take instead, the first one")
    kind.add_argument("--high", type=Path, help="folder of what they were")
    kind.set_defaults(make=spectrograms)
    kind = kinds.add_parser("curves", help="losses over steps")
    kind.add_argument("folder", nargs="+", type=Path, help="with losses.csv and validation.csv")
    kind.set_defaults(make=curves)
    arguments = parser.parse_args()
    command.prepare_tensorflow()
    arguments.make(arguments)


def spectrograms(arguments: argparse.Namespace) -> None:
    """Low, the protocol's first baseline, each run, and the original, all at the same rates."""
    from matplotlib.image import imsave

    from tfsr import gin_config
    from tfsr.evaluation.evaluate import evaluate
    from tfsr.evaluation.protocols import named
    from tfsr.evaluation.test_set import Pairs
    from tfsr.plot import spectrogram_row

    panels = {}
    for run_dir in arguments.run_dir:
        run = gin_config.load_run(run_dir)
        protocol = named(arguments.protocol)
        if arguments.low:
            test_set = Pairs(arguments.low, arguments.high)
        else:
            recordings = run.data.recordings("test")[arguments.recording :][:1]
            test_set = protocol.test_set(recordings, run.data.degradation)
        results = evaluate(run.upsampler, test_set, protocol, shown=1)
        for panel in results.examples[0].panels:
            title = Path(run_dir).name if panel.title == "estimate" else panel.title
            panels[title] = panel
    panels["original"] = panels.pop("original")
    rates = [panel.rate for panel in panels.values()]
    row = spectrogram_row({title: panel.waveform for title, panel in panels.items()}, rates)
    imsave(arguments.output, row)


def curves(arguments: argparse.Namespace) -> None:
    """The loss of each run over its steps: in training thin, in validation with points."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(arguments.folder), 2.8), dpi=100, layout="constrained")
    all_axes = figure.subplots(1, len(arguments.folder), squeeze=False)[0]
    for axes, folder in zip(all_axes, arguments.folder, strict=True):
        drawn = []
        for name, style in (("losses", {"linewidth": 0.7}), ("validation", {"marker": "o"})):
            with (folder / f"{name}.csv").open() as file:
                rows = list(csv.DictReader(file))
            steps, losses = ([float(row[key]) for row in rows] for key in ("step", "loss"))
            axes.plot(steps, losses, label=name, **style)
            drawn += losses
        axes.set_title(folder.name, fontsize=9)
        axes.set_xlabel("step")
        # Without the first steps, whose losses would press all others together.
        least, most = np.quantile(drawn, [0, 0.95])
        axes.set_ylim(least - 0.1 * (most - least), most + 0.2 * (most - least))
        axes.legend(fontsize=8)
    figure.savefig(arguments.output)


if __name__ == "__main__":
    main()
