"""Read files of the same sounds for a comparison sample by sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfsr import audio_file
from tfsr.data.recordings import read_mono
from tfsr.errors import UserError

_SHORTEST_SHARE = 0.9


class Sound(NamedTuple):
    """The header of a file, and its signal, float32 [time] at the rate of the first file."""

    path: Path
    header: audio_file.Info
    waveform: np.ndarray


def read_together(paths: Sequence[Path]) -> list[Sound]:
    """Files at the rate of the first one, with their channels averaged, cut to the shortest.

    Args:
        paths: at least one.

    Raises:
        UserError: a file cannot be read, or is more than a tenth shorter than another one.
    """
    headers = [audio_file.info(path) for path in paths]
    _check_lengths(paths, headers)
    waveforms = [read_mono(path, headers[0].rate) for path in paths]
    shortest = min(map(len, waveforms))
    return [
        Sound(Path(path), header, waveform[:shortest])
        for path, header, waveform in zip(paths, headers, waveforms, strict=True)
    ]


def _check_lengths(paths: Sequence[Path], headers: Sequence[audio_file.Info]) -> None:
    pairs = zip(headers, paths, strict=True)
    by_length = sorted((header.seconds, str(path)) for header, path in pairs)
    (shortest, path), (longest, other) = by_length[0], by_length[-1]
    if shortest < _SHORTEST_SHARE * longest:
        raise UserError(
            f"{path}: {shortest:.2f} s, but {other} has {longest:.2f} s: give files of the same "
            "sound, equally long but for a tenth"
        )
