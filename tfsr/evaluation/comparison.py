"""Compare outputs of systems for one recording, by ear and by eye, in step."""

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfsr import plot
from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.evaluation import protocols
from tfsr.evaluation.aligned_pairs import Sound, read_together
from tfsr.evaluation.page import document, facts, png_url, sound_url, table, text_of
from tfsr.evaluation.results import aligned, number
from tfsr.plot import Panel

_PROTOCOL = "tfsr"
_FLOOR_DBFS = -120.0


@dataclass(frozen=True)
class Comparison:
    """Signals that are equally long and at one rate, with their scores against the first.

    Args:
        sounds: name -> signal; the original, low, and the outputs of the systems.
        scores: name -> {column: value}, of all but the original.
        cutoff_hz: highest frequency of low; the scores of the high band count from there upwards.
    """

    sounds: Mapping[str, Sound]
    scores: Mapping[str, Mapping[str, float]]
    cutoff_hz: float

    @property
    def original(self) -> Sound:
        return next(iter(self.sounds.values()))

    @property
    def rate(self) -> int:
        """Sample rate of all signals, in Hz."""
        return self.original.header.rate

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(next(iter(self.scores.values())))

    def table(self) -> str:
        """The scores as aligned lines."""
        rows = [[name, *map(number, scores.values())] for name, scores in self.scores.items()]
        return aligned(["signal", *self.columns], rows, texts=1)

    def write_page(self, path: str | os.PathLike) -> None:
        """Write one page to hear and to see all signals; it needs no other file.

        Raises:
            UserError: the file cannot be written.
        """
        write_text(path, page(self))


def compare(
    original: Path, low: Path, outs: Sequence[Path], cutoff_hz: float | None = None
) -> Comparison:
    """Read files and score them against the original by the metrics of the protocol `tfsr`.

    Args:
        original: sets the rate; `read_together` tells how the others are fitted to it.
        low: the input of the systems.
        outs: the outputs of the systems.
        cutoff_hz: highest frequency of low; None: half its rate.

    Raises:
        UserError: as `read_together`; or a file is given twice, or the cut-off is not below half
            the original's rate.
    """
    names = _names([original, low, *outs])
    sounds = dict(zip(names, read_together([original, low, *outs]), strict=True))
    rate = sounds[names[0]].header.rate
    cutoff_hz = cutoff_hz or sounds[names[1]].header.rate / 2
    if cutoff_hz >= rate / 2:
        raise UserError(
            f"{low}: the original has no band above {cutoff_hz:g} Hz; if LOW is at the original's "
            "rate, give the bandwidth of LOW in Hz as `cutoff`"
        )
    protocol = protocols.named(_PROTOCOL)
    reference = sounds[names[0]].waveform
    scores = {
        name: protocol.scores(reference, sounds[name].waveform, round(2 * cutoff_hz), rate)
        for name in names[1:]
    }
    return Comparison(sounds, scores, cutoff_hz)


def figure(comparison: Comparison) -> np.ndarray:
    """Spectrograms side by side, the original's last, as a picture: uint8 [height, width, 3]."""
    original, *others = comparison.sounds
    waveforms = {name: comparison.sounds[name].waveform for name in (*others, original)}
    return plot.spectrogram_row(waveforms, [comparison.rate] * len(waveforms))


def page(comparison: Comparison) -> str:
    """The text of the page; it needs no other file."""
    names, rate = list(comparison.sounds), comparison.rate
    level = plot.reference_level(comparison.original.waveform, rate)
    figures = "".join(_figure(comparison, name, level) for name in names)
    rows = [((name,), scores.values()) for name, scores in comparison.scores.items()]
    return document(
        f"{comparison.original.path.stem}: {len(names)} signals compared",
        f"{_facts(comparison)}"
        f"<h2>Scores</h2>\n{table(['signal'], comparison.columns, rows)}"
        f"<h2>Hear and see in step</h2>\n{_in_step(comparison)}"
        f"<h2>Long-term average spectra</h2>\n{_spectra(comparison)}"
        f'<h2>Signals</h2>\n{_legends()}<div class="signals wide">\n{figures}</div>\n',
        styles=("player.css", "compare.css"),
        scripts=("player.js", "compare.js"),
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Names of the files with their roles, and with their folders where names would be equal."""
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise UserError(f"{path}: is given twice")
    alike = len({path.name for path in paths}) < len(paths)
    folder = os.path.commonpath([path.absolute() for path in paths])
    names = [os.path.relpath(path, folder) if alike else path.name for path in paths]
    return [f"{names[0]} (original)", f"{names[1]} (low)", *names[2:]]


def _facts(comparison: Comparison) -> str:
    seconds = len(comparison.original.waveform) / comparison.rate
    rows = {name: _description(sound, comparison) for name, sound in comparison.sounds.items()}
    rows["Compared"] = (
        f"the first {seconds:.3f} s at {comparison.rate} Hz, channels averaged, sounds in 16 bits"
    )
    rows["Scores"] = (
        f"protocol {_PROTOCOL}, against the original; high and low are parted at "
        f"{comparison.cutoff_hz:g} Hz"
    )
    return facts(rows)


def _description(sound: Sound, comparison: Comparison) -> str:
    header = sound.header
    resampled = "" if header.rate == comparison.rate else f", resampled to {comparison.rate} Hz"
    channels = "1 channel" if header.channels == 1 else f"{header.channels} channels"
    return f"{header.rate} Hz, {channels}, {header.seconds:.3f} s{resampled}"


def _in_step(comparison: Comparison) -> str:
    choices = "".join(
        f'<label><input type="radio" name="choice" value="{index}"><kbd>{index + 1}</kbd> '
        f"{html.escape(name)}</label>\n"
        for index, name in enumerate(comparison.sounds)
    )
    pictures = (
        '<img id="left" alt="Spectrogram of the original">'
        '<img id="right" alt="Spectrogram of the chosen signal"><i id="edge"></i>'
        '<i id="playhead"></i>'
    )
    return (
        f'{text_of("transport.html")}<fieldset class="choices">\n<legend>Heard</legend>\n{choices}'
        f"</fieldset>\n{_axes(comparison, pictures)}"
        '<label class="wipe">original <input type="range" id="wipe" min="0" max="100" value="50" '
        'aria-label="Share of the original"> <output id="wiped"></output></label>\n'
    )


def _spectra(comparison: Comparison) -> str:
    spectra = [
        plot.long_term_spectrum(Panel(name, sound.waveform, comparison.rate))
        for name, sound in comparison.sounds.items()
    ]
    picture = png_url(plot.overlaid_spectra_png(spectra, _FLOOR_DBFS))
    return f'<img class="spectra" alt="Long-term average spectra" src="{picture}">\n'


def _figure(comparison: Comparison, name: str, level: float) -> str:
    """Spectrogram, difference to the original, and a separate player."""
    panel = Panel("", comparison.sounds[name].waveform, comparison.rate)
    original = comparison.original.waveform
    caption = html.escape(name)
    spectrogram = plot.bare_spectrogram_png(panel, level, comparison.rate / 2)
    pictures = _axes(comparison, _image(f"Spectrogram of {caption}", spectrogram))
    if panel.waveform is not original:
        difference = plot.difference_png(panel, original, level)
        pictures += _axes(comparison, _image(f"{caption} less the original", difference))
    return (
        f"<figure><figcaption>{caption}</figcaption>\n{pictures}"
        f'<audio controls src="{sound_url(panel.waveform, panel.rate)}"></audio></figure>\n'
    )


def _image(description: str, picture: bytes) -> str:
    return f'<img alt="{description}" src="{png_url(picture)}">'


def _axes(comparison: Comparison, pictures: str) -> str:
    """Pictures in front of scales of seconds and kHz."""
    seconds = len(comparison.original.waveform) / comparison.rate
    below, beside = _ticks(seconds, "left"), _ticks(comparison.rate / 2000, "bottom")
    return (
        f'<div class="axes"><div class="khz" aria-hidden="true">{beside}</div>'
        f'<div class="ground">{pictures}</div>'
        f'<div class="seconds" aria-hidden="true">{below}</div></div>\n'
    )


def _ticks(end: float, side: str) -> str:
    """Round numbers up to `end`, placed from one side."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0, end)
    places = [x for x in ticks if 0 <= x <= end]
    return "".join(f'<span style="{side}: {100 * x / end:.2f}%">{x:g}</span>' for x in places)


def _legends() -> str:
    return _legend(
        plot.LEVELS, -plot.RANGE_DB, 0, "against the loudest bin of the original"
    ) + _legend(
        *(plot.DIFFERENCES, -plot.DIFFERENCE_DB, plot.DIFFERENCE_DB),
        "softer or louder than the original in that bin",
    )


def _legend(colours: str, lowest: float, highest: float, what: str) -> str:
    bar = png_url(plot.colours_png(colours))
    return (
        f'<p class="legend">{lowest:g} dB <img alt="to" src="{bar}"> {highest:g} dB: {what}</p>\n'
    )
