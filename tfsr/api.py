"""What `import tfsr` offers, besides `tfsr.Model`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tfsr import presets
from tfsr.errors import UserError
from tfsr.inference.batch import Request
from tfsr.inference.manifest import Record
from tfsr.inference.targets import plan
from tfsr.loading import load
from tfsr.model import Model, request_for, upsample_samples

if TYPE_CHECKING:  # these need TensorFlow
    from tfsr.evaluation.comparison import Comparison
    from tfsr.evaluation.results import Results
    from tfsr.upsamplers.base import Upsampler

Which = str | os.PathLike | Model
"""A model, or what `load` takes."""

__all__ = ["compare", "evaluate", "load", "upsample", "upsample_file"]


def upsample(
    audio: np.ndarray,
    rate: int,
    model: Which | None = None,
    *,
    bandwidth: float | None = None,
    keep_low_band: bool = True,
    seed: int = 0,
) -> tuple[np.ndarray, int]:
    """Widen the band of a recording in memory.

    Args:
        audio: [time] or [time, channels]. float32 and float64 in [-1, 1], or int16, int32 and
            uint8 in their whole range.
        rate: Hz, of the audio; any.
        model: what upsamples it. None: the preset that suits the band of each channel.
        bandwidth: Hz up to where the audio reaches; None: it is measured.
        keep_low_band: whether what the audio has stays as it is, unless the model restores.
        seed: of the noise, for models that draw any.

    Returns:
        float32 [time] or [time, channels], as long as the audio, and its rate in Hz.

    Raises:
        UserError: the audio has another shape or type, or samples that are NaN or infinite; or it
            has the whole band already.

    >>> import numpy as np, tfsr
    >>> call = np.random.default_rng(0).normal(0, 1000, 8000).astype(np.int16)
    >>> wide, rate = tfsr.upsample(call, 8000)
    >>> wide.shape, rate
    ((16000,), 16000)
    """
    return upsample_samples(_request(model, bandwidth, keep_low_band, seed), audio, rate)


def upsample_file(
    source: str | os.PathLike,
    target: str | os.PathLike | None = None,
    model: Which | None = None,
    *,
    bandwidth: float | None = None,
    keep_low_band: bool = True,
    rate: int | Literal["keep"] | None = None,
    subtype: str | None = None,
    seed: int = 0,
) -> Record:
    """Widen the band of a recording on disk, in constant memory, with its tags.

    Args:
        source: an audio file of any format.
        target: the file to write, whole or not at all; its name tells the format. None: beside
            the source, named like call.tfsr.wav.
        model, bandwidth, keep_low_band, seed: see `upsample`.
        rate: Hz of the output; "keep": that of the source, where it is higher. None: the model's.
        subtype: of the output, such as "PCM_24"; None: that of the source, at least 16 bits.

    Returns:
        What was measured and done; `str` of it is what the command prints.

    Raises:
        UserError: the source cannot be read, the target cannot be written, or the recording has
            the whole band already.

    >>> import tfsr
    >>> tfsr.upsample_file("call.wav", "wide.wav").output_rate  # doctest: +SKIP
    16000
    """
    request = _request(model, bandwidth, keep_low_band, seed, rate=rate, subtype=subtype)
    jobs, _ = plan([os.fspath(source)], None if target is None else os.fspath(target))
    if len(jobs) != 1 or Path(source).is_dir():
        raise UserError(f"{source}: is a folder; give one file, or use the command tfsr upsample")
    record = request.upsample(jobs[0], lambda share: None)
    if record.error:
        raise UserError(record.error)
    return record


def _request(
    model: Which | None, bandwidth: float | None, keep_low_band: bool, seed: int, **more
) -> Request:
    """For a model, or for the presets."""
    how = {"bandwidth_hz": bandwidth, "keep_low_band": keep_low_band, "seed": seed, **more}
    if model is None:
        return Request(load=lambda name: load(name).backend, choose=presets.suited, **how)
    model = load(model)
    return Request(load=lambda _: model.backend, system=model.name, **how)


def evaluate(
    model: Which | Upsampler,
    clips: str | os.PathLike,
    protocol: str = "tfsr",
    files: int | None = None,
) -> Results:
    """Score a model on recordings, beside interpolations of the same.

    It needs TensorFlow; some columns need `pip install 'tfsr[eval]'` and are left out without it.

    Args:
        model: what is evaluated.
        clips: a folder of recordings at the model's output rate or above. Low-rate signals are
            made of them as the protocol says.
        protocol: "tfsr", "perceived", "apbwe" or another of `tfsr.evaluation.protocols`.
        files: only so many recordings, the first ones.

    Returns:
        The scores of each file; `summary()` and `table()` are texts.

    Raises:
        UserError: no recordings, an unknown protocol, or one for another rate.
    """
    from tfsr.data.corpora import Folder
    from tfsr.degradation.decimation import SincHann
    from tfsr.evaluation import protocols
    from tfsr.evaluation.evaluate import evaluate as evaluated

    model, chosen = load(model), protocols.named(protocol)
    test_set = chosen.test_set(Folder(clips).all_recordings[:files], SincHann())
    return evaluated(model.backend, test_set, chosen, system=model.name)


def compare(
    original: str | os.PathLike,
    low: str | os.PathLike,
    outs: Sequence[str | os.PathLike],
    cutoff: float | None = None,
) -> Comparison:
    """Compare what systems made of a recording with the original.

    Args:
        original: a file; it sets the rate of the comparison.
        low: what the systems were given.
        outs: what they made of it.
        cutoff: Hz that `low` is limited to; None: half its rate.

    Returns:
        The scores, and a page to hear and see them: `table()`, `write_page(path)`.

    Raises:
        UserError: a file cannot be read, or lengths differ by more than a tenth.
    """
    from tfsr.evaluation import comparison

    return comparison.compare(Path(original), Path(low), [Path(out) for out in outs], cutoff)
