"""The page of an evaluation: one HTML file with tables, spectrograms and players inside."""

import base64
import datetime
import html
import io
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tfsr.complete import write_text
from tfsr.errors import UserError
from tfsr.evaluation.results import Example, Results, number
from tfsr.plot import Panel, reference_level, spectrogram_png

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --ground: #fff; --line: #d8d8dc; --soft: #666; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececee; --ground: #17171a; --line: #3a3a40; --soft: #a0a0a8; }
}
body { margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: var(--ink);
  background: var(--ground); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem; border-bottom: 1px solid var(--line); text-align: right; }
th[scope=row] { text-align: left; font-weight: normal; }
thead th:first-child, thead th.text { text-align: left; }
.signals { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .9rem; }
img, audio { width: 100%; display: block; }
"""


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
    """Make a folder that the page is to stand in; UserError where that is impossible."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: no folder can be made there ({error.strerror})") from error
    return Path(folder)


def page(results: Results) -> str:
    """The text of the page."""
    title = html.escape(f"{results.system}: {results.protocol}")
    examples = "".join(_example(example) for example in results.examples)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{_facts(results)}"
        f"<h2>Means</h2>\n{_means(results)}"
        f"<h2>Signals</h2>\n{examples}"
        f"<h2>Files</h2>\n{_files(results)}</body>\n</html>\n"
    )


def _facts(results: Results) -> str:
    facts = {
        "System": results.system,
        "Protocol": results.protocol,
        "Rates": f"{results.input_rate} Hz to {results.output_rate} Hz",
        "Degradation": results.degradation,
        "Files": f"{results.count}, together {results.seconds:.1f} s",
        "File-list hash": f"SHA-256 {results.files_hash}",
        "Inputs' hash": f"SHA-256 {results.inputs_hash}",
        "Date": datetime.date.today().isoformat(),
    }
    rows = (f"<dt>{name}</dt><dd>{html.escape(fact)}</dd>\n" for name, fact in facts.items())
    return f"<dl>\n{''.join(rows)}</dl>\n"


def _means(results: Results) -> str:
    rows = [((system,), means.values()) for system, means in results.means.items()]
    spread = [(("spread between draws",), results.spread.values())] if results.spread else []
    speakers = [(names, means.values()) for names, means in results.speakers.items()]
    return _table(["system"], results.columns, rows + spread) + (
        _table(["speaker", "system"], results.columns, speakers) if speakers else ""
    )


def _files(results: Results) -> str:
    rows = (
        ((file.name, system), scores.values())
        for file in results.files
        for system, scores in file.scores.items()
    )
    return _table(["file", "system"], results.columns, rows)


def _table(
    texts: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[tuple[Sequence[str], Iterable[float]]],
) -> str:
    head = "".join(f'<th scope="col" class="text">{name}</th>' for name in texts)
    head += "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<th scope="row">{html.escape(name)}</th>' for name in names)
        + "".join(f"<td>{number(value)}</td>" for value in values)
        + "</tr>\n"
        for names, values in rows
    )
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
    return f'<div class="scroll">{table}</div>\n'


def _example(example: Example) -> str:
    """The signals of one recording, on the colour scale of the last, the reference."""
    reference = example.panels[-1]
    level = reference_level(reference.waveform, reference.rate)
    figures = "".join(_figure(panel, level, reference.rate / 2) for panel in example.panels)
    return f'<h3>{html.escape(example.name)}</h3>\n<div class="signals">\n{figures}</div>\n'


def _figure(panel: Panel, level: float, top_hz: float) -> str:
    picture = _data_url("image/png", spectrogram_png(panel._replace(title=""), level, top_hz))
    sound = _data_url("audio/wav", _wav(panel.waveform, panel.rate))
    caption = html.escape(f"{panel.title}, {panel.rate} Hz")
    return (
        f'<figure><figcaption>{caption}</figcaption><img alt="Spectrogram of {caption}" '
        f'src="{picture}"><audio controls preload="none" src="{sound}"></audio></figure>\n'
    )


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _wav(waveform: np.ndarray, rate: int) -> bytes:
    """A 16-bit WAV file of a signal [time]; what goes beyond [-1, 1] is clipped."""
    samples = np.round(np.clip(np.nan_to_num(waveform), -1, 1) * 32767).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return content.getvalue()
