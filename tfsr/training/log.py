"""The log of a run: a line of losses every so often, and pictures and sounds for TensorBoard."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfsr.atomic_files import write_text
from tfsr.inference.chunks import upsample_array
from tfsr.plot import spectrogram_row
from tfsr.upsamplers.base import Upsampler


class Log:
    """`losses.csv`, `validation.csv` and TensorBoard events below a folder.

    Args:
        folder: where they are written.
        step: the step that training goes on from: lines beyond it, left by a run that was killed
            after its last checkpoint, are taken out.
    """

    def __init__(self, folder: Path, step: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._events = tf.summary.create_file_writer(str(folder))
        self._folder = folder
        for kind in ("losses", "validation"):
            _truncate(folder / f"{kind}.csv", step)

    def scalars(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """One line of `kind`.csv (kind: "losses" or "validation"), and the same to TensorBoard."""
        path = self._folder / f"{kind}.csv"
        header = not path.exists() or not path.stat().st_size
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if header:
                writer.writerow(["step", *values])
            writer.writerow([step, *(repr(float(value)) for value in values.values())])
        with self._events.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(f"{kind}/{name}", float(value))
        self._events.flush()

    def examples(self, step: int, upsampler: Upsampler, low: np.ndarray, high: np.ndarray) -> None:
        """Spectrograms side by side and sounds of low [time], its estimate, and high."""
        knowing = upsampler.with_reference(high)
        estimate = upsample_array(knowing, low, knowing.chunk)
        rates = (upsampler.input_rate, upsampler.output_rate, upsampler.output_rate)
        sounds = dict(zip(("low", "estimate", "high"), (low, estimate, high), strict=True))
        with self._events.as_default(step):
            tf.summary.image("low, estimate, high", spectrogram_row(sounds, rates)[np.newaxis])
            for (name, sound), rate in zip(sounds.items(), rates, strict=True):
                tf.summary.audio(name, sound[np.newaxis, :, np.newaxis], rate)
        self._events.flush()


def _truncate(path: Path, step: int) -> None:
    """Keep the header and the whole lines up to `step`; the last may have been cut by a kill."""
    if not path.exists():
        return
    with path.open(newline="") as file:  # line ends as they are
        lines = [line for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
    kept = lines[:1] + [line for line in lines[1:] if int(line.split(",")[0]) <= step]
    write_text(path, "".join(kept))
