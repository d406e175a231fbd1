"""The page of an evaluation: one HTML file with tables, spectrograms and players inside."""

import datetime
import html
from pathlib import Path

from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.evaluation.page import document, facts, png_url, sound_url, table
from tfsr.evaluation.results import Example, Results
from tfsr.plot import Panel, reference_level, spectrogram_png


def write_page(results: Results, folder: Path) -> Path:
    """Write index.html into a folder; it needs no other file and no script.

    Returns:
        The path of the page.

    Raises:
        UserError: the folder cannot be written.
    """
    path = make_folder(folder) / "index.html"
    write_text(path, page(results))
    return path


def make_folder(folder: Path) -> Path:
    """Make the folder of the page; UserError if that is impossible."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: no folder can be made there ({error.strerror})") from error
    return Path(folder)


def page(results: Results) -> str:
    """The text of the page."""
    examples = "".join(_example(example) for example in results.examples)
    return document(
        f"{results.system}: {results.protocol}",
        f"{_facts(results)}"
        f"<h2>Means</h2>\n{_means(results)}{_intervals(results)}"
        f"<h2>Signals</h2>\n{examples}"
        f"<h2>Files</h2>\n{_files(results)}",
    )


def _facts(results: Results) -> str:
    remarks = [*results.remarks, *results.unscored]
    rows = {
        "System": results.system,
        "Protocol": results.protocol,
        "Rates": results.rates,
        "Degradation": results.degradation,
        "Files": f"{results.count}, together {results.seconds:.1f} s",
        "File-list hash": f"SHA-256 {results.files_hash}",
        **({"Inputs' hash": f"SHA-256 {results.inputs_hash}"} if results.inputs_hash else {}),
        **({"Remarks": "; ".join(remarks)} if remarks else {}),
        "Date": datetime.date.today().isoformat(),
    }
    return facts(rows)


def _means(results: Results) -> str:
    rows = [((system,), means.values()) for system, means in results.means.items()]
    spread = [(("spread between draws",), results.spread.values())] if results.spread else []
    speakers = [(names, means.values()) for names, means in results.speakers.items()]
    return table(["system"], results.columns, rows + spread) + (
        table(["speaker", "system"], results.columns, speakers) if speakers else ""
    )


def _intervals(results: Results) -> str:
    return "".join(
        table([title], results.columns, [((name,), cells) for name, cells in found.items()])
        for title, found in results.interval_tables.items()
    )


def _files(results: Results) -> str:
    rows = (
        ((file.name, system), scores.values())
        for file in results.files
        for system, scores in file.scores.items()
    )
    return table(["file", "system"], results.columns, rows)


def _example(example: Example) -> str:
    """The signals of one recording, with the colour scale of the last one, the reference."""
    reference = example.panels[-1]
    level = reference_level(reference.waveform, reference.rate)
    figures = "".join(_figure(panel, level, reference.rate / 2) for panel in example.panels)
    return f'<h3>{html.escape(example.name)}</h3>\n<div class="signals">\n{figures}</div>\n'


def _figure(panel: Panel, level: float, top_hz: float) -> str:
    picture = png_url(spectrogram_png(panel._replace(title=""), level, top_hz))
    sound = sound_url(panel.waveform, panel.rate)
    caption = html.escape(f"{panel.title}, {panel.rate} Hz")
    return (
        f'<figure><figcaption>{caption}</figcaption><img alt="Spectrogram of {caption}" '
        f'src="{picture}"><audio controls preload="none" src="{sound}"></audio></figure>\n'
    )
