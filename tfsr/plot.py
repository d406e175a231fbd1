"""Spectrograms and spectra as pictures.

The levels of spectrograms are in dB below the loudest bin of a reference. So pictures drawn with
the same reference level can be compared by eye. The levels of spectra are in dBFS. matplotlib is
imported at its first use, because that takes a while. Only its objects are used, because pyplot's
state belongs to the calling program.
"""

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW_SECONDS = 0.032
RANGE_DB = 80.0
"""Dynamic range of a picture, from the reference's loudest bin down to black."""

DIFFERENCE_DB = 30.0
"""Level difference, up or down, at which the colours of a difference picture end."""

LEVELS, DIFFERENCES = "magma", "RdBu_r"
"""The colour maps of both, as matplotlib names them."""

# Both can be read on white and on black.
_GREY = "#808080"
_BLUE = "#2f7fd1"
_CURVES = (_GREY, _BLUE, "#d9772b", "#2f9e5b", "#a763c9", "#c94f5d", "#8c7a2f", "#2f9ea6")


class Panel(NamedTuple):
    """One signal [time] at `rate` Hz, and the title above its spectrogram."""

    title: str
    waveform: np.ndarray
    rate: int


class Spectrum(NamedTuple):
    """Levels in dBFS [bins] over frequencies in Hz [bins], and frequencies in Hz to mark."""

    title: str
    frequencies: np.ndarray
    levels: np.ndarray
    marks: Sequence[float]


def reference_level(waveform: np.ndarray, rate: int) -> float:
    """Level in dB of the loudest bin in the spectrogram of a signal [time]."""
    return float(_levels(waveform, rate)[2].max())


def spectrogram_png(panel: Panel, level: float | None = None, top_hz: float | None = None) -> bytes:
    """A spectrogram as a PNG file with transparent background, for light and dark pages.

    Args:
        panel: the signal.
        level: dB at the top of the colour scale, from `reference_level`; None: the signal's own.
        top_hz: end of the frequency axis; None: half the signal's rate.
    """
    return _png(_figure([panel], level, top_hz, ink=_GREY))


def bare_spectrogram_png(panel: Panel, level: float, top_hz: float) -> bytes:
    """A spectrogram as a PNG file without title, axes or margin, see `spectrogram_png`.

    Pictures of signals of the same length match exactly when laid over one another. The page draws
    the axes.
    """
    figure, axes = _bare()
    _draw(axes, panel, level, top_hz)
    return _png(figure)


def difference_png(panel: Panel, original: np.ndarray, level: float) -> bytes:
    """How much louder (red) or softer (blue) each bin is than the original's, without margin.

    Args:
        panel: the signal.
        original: [time], as long and at the same rate.
        level: dB, see `spectrogram_png`; levels more than `RANGE_DB` below it count as equal.
    """
    seconds, frequencies, levels = _levels(panel.waveform, panel.rate)
    floor = level - RANGE_DB
    difference = np.maximum(levels, floor) - np.maximum(_levels(original, panel.rate)[2], floor)
    figure, axes = _bare()
    extent = (0, seconds, 0, frequencies)
    _image(axes, difference, extent, DIFFERENCES, -DIFFERENCE_DB, DIFFERENCE_DB)
    return _png(figure)


def colours_png(colours: str) -> bytes:
    """A colour bar of `LEVELS` or `DIFFERENCES`, from the lowest on the left to the highest."""
    figure, axes = _bare((2.56, 0.1))
    _image(axes, np.arange(256)[np.newaxis], (0, 1, 0, 1), colours, 0, 255)
    return _png(figure)


def long_term_spectrum(panel: Panel) -> Spectrum:
    """The mean over time of the spectrogram's power; a sine of full scale is at 0 dBFS."""
    from scipy.signal import welch

    # A signal shorter than a frame is lengthened by zeros.
    length = math.ceil(WINDOW_SECONDS * panel.rate / 4) * 4
    signal = np.pad(
        np.asarray(panel.waveform, np.float64), (0, max(0, length - len(panel.waveform)))
    )
    frequencies, power = welch(
        signal, panel.rate, "hann", nperseg=length, detrend=False, scaling="spectrum"
    )
    levels = 10 * np.log10(np.maximum(2 * power, 1e-20))
    return Spectrum(panel.title, frequencies, levels, [])


def overlaid_spectra_png(spectra: Sequence[Spectrum], floor: float) -> bytes:
    """Spectra in one plot, with a legend, as a PNG file with transparent background.

    Args:
        spectra: the spectra, at least one. The first is the reference and has a broader line.
            Their marks are not drawn.
        floor: lowest level of the axis in dBFS.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    for index, spectrum in enumerate(spectra):
        colour, width = _CURVES[index % len(_CURVES)], 1.2 if index else 3.0
        levels = np.maximum(spectrum.levels, floor)
        title = spectrum.title.replace("$", r"\$")  # a file's name, no formula
        axes.plot(spectrum.frequencies / 1000, levels, color=colour, lw=width, label=title)
    axes.set(xlim=(0, spectra[0].frequencies[-1] / 1000), xlabel="kHz", ylabel="dBFS")
    axes.set_facecolor("none")
    axes.grid(color=_GREY, linewidth=0.3)
    axes.legend(frameon=False, labelcolor=_GREY, fontsize=9)
    _colour(axes, _GREY)
    return _png(figure)


def spectra_png(spectra: Sequence[Spectrum], floor: float) -> bytes:
    """Spectra one above the other as a PNG file with transparent background.

    Args:
        spectra: the spectra, at least one.
        floor: lowest level of the axis in dBFS.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.4 + 2.1 * len(spectra)), dpi=100, layout="constrained")
    all_axes = figure.subplots(len(spectra), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    top = max(0.0, *(float(np.max(spectrum.levels)) for spectrum in spectra))
    for axes, spectrum in zip(all_axes, spectra, strict=True):
        _draw_spectrum(axes, spectrum, floor)
        axes.set_ylim(floor - 5, top + 5)
        _colour(axes, _GREY)
    all_axes[-1].set_xlabel("kHz", color=_GREY)
    return _png(figure)


def spectrogram_row(sounds: Mapping[str, np.ndarray], rates: Sequence[int]) -> np.ndarray:
    """Spectrograms side by side, for TensorBoard.

    The last signal is the reference: it sets the common dB scale and the frequency axis.

    Args:
        sounds: title -> signal [time]; for example low (at its own rate), estimate and high.
        rates: sample rates of the signals, in Hz.

    Returns:
        uint8 [height, width, 3].
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    panels = [Panel(*sound, rate) for sound, rate in zip(sounds.items(), rates, strict=True)]
    _, waveform, rate = panels[-1]
    figure = _figure(panels, reference_level(waveform, rate), rate / 2, ink="black")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _figure(
    panels: Sequence[Panel], level: float | None, top_hz: float | None, ink: str
) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.8 + 3.4 * len(panels), 2.6), dpi=100, layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(all_axes, panels, strict=True):
        image = _draw(axes, panel, level, top_hz or panel.rate / 2)
        _colour(axes, ink)
    all_axes[0].set_ylabel("kHz", color=ink)
    bar = figure.colorbar(image, ax=list(all_axes), pad=0.01)
    bar.ax.tick_params(colors=ink, labelsize=8)
    bar.ax.set_title("dB", color=ink, fontsize=8)
    return figure


def _draw(axes: "Axes", panel: Panel, level: float | None, top_hz: float) -> Any:
    """Draw the spectrogram of one signal; frequencies above its own band stay black."""
    seconds, frequencies, levels = _levels(panel.waveform, panel.rate)
    levels = levels - (levels.max() if level is None else level)
    image = _image(axes, levels, (0, seconds, 0, frequencies / 1000), LEVELS, -RANGE_DB, 0)
    axes.set_facecolor("black")
    axes.set(xlim=(0, seconds), ylim=(0, top_hz / 1000), xlabel="s")
    axes.set_title(panel.title, fontsize=10)
    return image


def _image(
    axes: "Axes",
    levels: np.ndarray,
    extent: tuple[float, float, float, float],
    colours: str,
    lowest: float,
    highest: float,
) -> Any:
    """Draw levels [bins, frames] over (first s, last s, lowest Hz or kHz, highest)."""
    return axes.imshow(
        levels,
        extent=extent,
        origin="lower",
        aspect="auto",
        cmap=colours,
        vmin=lowest,
        vmax=highest,
    )


def _bare(inches: tuple[float, float] = (10, 3)) -> "tuple[Figure, Axes]":
    """A figure that consists of axes only, and the axes are invisible."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _draw_spectrum(axes: "Axes", spectrum: Spectrum, floor: float) -> None:
    """Draw the levels as a curve, with a dotted line for each mark."""
    places = np.asarray(spectrum.marks) / 1000
    axes.vlines(places, floor, 0, colors=_GREY, linestyles="dotted", linewidth=0.6)
    levels = np.maximum(spectrum.levels, floor)
    axes.plot(spectrum.frequencies / 1000, levels, color=_BLUE, linewidth=1.2)
    axes.set_xlim(0, spectrum.frequencies[-1] / 1000 * 1.005)
    axes.set_title(spectrum.title, fontsize=10)
    axes.set_ylabel("dBFS")
    axes.set_facecolor("none")


def _colour(axes: "Axes", ink: str) -> None:
    axes.tick_params(colors=ink, labelsize=8)
    axes.xaxis.label.set_color(ink)
    axes.yaxis.label.set_color(ink)
    axes.title.set_color(ink)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor="none", dpi=120)
    return file.getvalue()


def _levels(waveform: np.ndarray, rate: int) -> tuple[float, float, np.ndarray]:
    """Length in seconds, highest frequency in Hz, and levels in dB [bins, frames]."""
    from scipy.signal import spectrogram

    length = math.ceil(WINDOW_SECONDS * rate / 4) * 4
    padded = np.pad(np.asarray(waveform, np.float64), length // 2)
    _, _, power = spectrogram(
        padded, rate, "hann", nperseg=length, noverlap=length * 3 // 4, detrend=False
    )
    return len(waveform) / rate, rate / 2, 10 * np.log10(np.maximum(power, 1e-20))
