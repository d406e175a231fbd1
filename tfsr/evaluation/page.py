"""Parts of pages: one HTML file with style, scripts, sounds and pictures inside.

A page uses no network and works from the disk. Its style sheets and scripts are files in `pages/`.
"""

import base64
import html
import importlib.resources
import io
import json
import wave
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfsr.evaluation.results import number

_FILES = importlib.resources.files("tfsr.evaluation") / "pages"


def document(title: str, body: str, styles: Sequence[str] = (), scripts: Sequence[str] = ()) -> str:
    """The text of a page.

    Args:
        title: plain text, for the window and the heading.
        body: HTML.
        styles, scripts: names of files in `pages/`; page.css is always first.
    """
    title = html.escape(title)
    style = "".join(text_of(name) for name in ("page.css", *styles))
    script = "".join(f"<script>\n{text_of(name)}</script>\n" for name in scripts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{body}{script}</body>\n</html>\n"
    )


def text_of(name: str) -> str:
    """A file of `pages/`."""
    return (_FILES / name).read_text(encoding="utf-8")


def facts(rows: Mapping[str, str]) -> str:
    """A list of names and values, both plain text."""
    items = (f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>\n" for k, v in rows.items())
    return f"<dl>\n{''.join(items)}</dl>\n"


def table(
    texts: Sequence[str],
    columns: Sequence[str],
    rows: Iterable[tuple[Sequence[str], Iterable[float | str]]],
) -> str:
    """Rows of (names, numbers), below the headings `texts` and `columns`; all plain text."""
    head = "".join(f'<th scope="col" class="text">{name}</th>' for name in texts)
    head += "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<th scope="row">{html.escape(name)}</th>' for name in names)
        + "".join(
            f"<td>{value if isinstance(value, str) else number(value)}</td>" for value in values
        )
        + "</tr>\n"
        for names, values in rows
    )
    lines = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
    return f'<div class="scroll">{lines}</div>\n'


def _cell(value: float | str) -> str:
    return html.escape(value) if isinstance(value, str) else number(value)


def png_url(picture: bytes) -> str:
    """A PNG file as a URL of an image."""
    return _data_url("image/png", picture)


def sound_url(waveform: np.ndarray, rate: int) -> str:
    """A signal [time] as a URL of a sound, a WAV file of 16 bits."""
    return _data_url("audio/wav", wav(waveform, rate))


def wav(waveform: np.ndarray, rate: int) -> bytes:
    """A 16-bit WAV file of a signal [time]; samples outside [-1, 1] are clipped."""
    samples = np.round(np.clip(np.nan_to_num(waveform), -1, 1) * 32767).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return content.getvalue()


def json_element(name: str, value: Any) -> str:
    """Data that scripts can find by an id."""
    text = json.dumps(value).replace("<", "\\u003c")  # no end of the element within
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
