"""What `import tfsr` offers, besides `tfsr.Model`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfsr import presets
from tfsr.arguments import number, path
from tfsr.audio_file import require_subtype
from tfsr.errors import UserError
from tfsr.inference.file_jobs import Request
from tfsr.inference.manifest import Record
from tfsr.inference.output_paths import plan
from tfsr.loading import Which, load
from tfsr.model import Model, request_for, upsample_samples
from tfsr.optional_imports import needed_by

if TYPE_CHECKING:  # these need TensorFlow
    from tfsr.evaluation.comparison import Comparison
    from tfsr.evaluation.protocols import Protocol
    from tfsr.evaluation.results import Results

__all__ = [
    "compare",
    "evaluate",
    "load",
    "restore",
    "restore_file",
    "score",
    "upsample",
    "upsample_file",
]


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
        rate: sample rate of the audio in Hz; any rate is allowed.
        model: the model that upsamples it. None: the preset that suits the band of each channel.
        bandwidth: highest frequency of the audio in Hz; None: it is measured.
        keep_low_band: whether the band that the audio has stays unchanged. A model that restores
            changes it in any case.
        seed: seed of the noise, for models that use noise.

    Returns:
        float32 [time] or [time, channels], with the duration of the audio, and its rate in Hz.

    Raises:
        UserError: the audio has another shape or type, or samples that are NaN or infinite; or it
            already has the full band.

    >>> import numpy as np, tfsr
    >>> call = np.random.default_rng(0).normal(0, 1000, 8000).astype(np.int16)
    >>> wide, rate = tfsr.upsample(call, 8000)
    >>> wide.shape, rate
    ((16000,), 16000)
    """
    how = {"bandwidth_hz": bandwidth, "keep_low_band": keep_low_band, "seed": seed}
    return upsample_samples(_request(model, presets.suited, **how), audio, rate)


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
        target: the file to write. Its name sets the format. The file appears only when it is
            complete. None: a file beside the source, named like call.tfsr.wav.
        model, bandwidth, keep_low_band, seed: see `upsample`.
        rate: Hz of the output; "keep": the rate of the source, where that is higher. None: the
            model's rate.
        subtype: sample format of the output, such as "PCM_24"; None: that of the source, at least
            16 bits.

    Returns:
        A record of what was measured and done; `str` of it is the line that the command prints.

    Raises:
        UserError: the source cannot be read, the target cannot be written, or the recording
            already has the full band.

    >>> import tfsr
    >>> tfsr.upsample_file("call.wav", "wide.wav").output_rate
    16000
    """
    how = {"bandwidth_hz": bandwidth, "keep_low_band": keep_low_band, "seed": seed}
    request = _request(model, presets.suited, rate=rate, subtype=subtype, **how)
    return _of_file(request, source, target)


def restore(
    audio: np.ndarray,
    rate: int,
    model: Which | None = None,
    *,
    only: Literal["clipping"] | None = None,
    strength: float = 1.0,
    declip: bool = True,
    seed: int = 0,
) -> tuple[np.ndarray, int]:
    """Restore a damaged recording of speech in memory: noise, rooms, clipping, missing bands.

    Args:
        audio, rate: see `upsample`.
        model: a model that restores. None: the preset that suits the band of each channel.
        only: "clipping" fills clipped samples and does nothing else, without a model and at any
            rate. None: everything is restored.
        strength: 0 leaves the recording as it is, 1 restores it in full; between is a mix.
        declip: whether clipped samples are filled by linear prediction before the model hears them.
            The output is then beyond full scale where the original was.
        seed: seed of the noise, for models that use noise.

    Returns:
        float32 [time] or [time, channels], with the duration of the audio, and its rate in Hz:
        that of the model, or of the audio without a model.

    Raises:
        UserError: the audio has another shape or type, or samples that are NaN or infinite; or
            the model only widens the band; or a model is given that `only` does not use.

    >>> import numpy as np, tfsr
    >>> noisy = np.random.default_rng(0).normal(0, 0.01, 16000)
    >>> clean, rate = tfsr.restore(noisy, 16000, strength=0.8)
    >>> clean.shape, rate
    ((16000,), 16000)
    >>> tfsr.restore(np.clip(noisy, -0.01, 0.01), 48000, only="clipping")[1]
    48000
    """
    how = {"strength": strength, "declip": declip, "seed": seed}
    request = _request(model, _restoring(only, declip), **how)
    return upsample_samples(request, audio, rate)


def restore_file(
    source: str | os.PathLike,
    target: str | os.PathLike | None = None,
    model: Which | None = None,
    *,
    only: Literal["clipping"] | None = None,
    strength: float = 1.0,
    declip: bool = True,
    rate: int | Literal["keep"] | None = "keep",
    subtype: str | None = None,
    seed: int = 0,
) -> Record:
    """Restore a damaged recording on disk, in constant memory, with its tags.

    Args:
        source, target, subtype: see `upsample_file`.
        model, only, strength, declip, seed: see `restore`. What would be beyond full scale is made
            softer as a whole.
        rate: Hz of the output; "keep": the rate of the source, where that is higher than the
            model's. None: the model's rate.

    Returns:
        A record of what was found and done; `str` of it is the text that the command prints.

    Raises:
        UserError: the source cannot be read, the target cannot be written, or the model only
            widens the band.

    >>> import tfsr
    >>> tfsr.restore_file("call.wav", "clean.wav").clipped
    0.0
    """
    how = {"strength": strength, "declip": declip, "rate": rate, "subtype": subtype, "seed": seed}
    return _of_file(_request(model, _restoring(only, declip), **how), source, target)


def _of_file(
    request: Request, source: str | os.PathLike, target: str | os.PathLike | None
) -> Record:
    """Process one file."""
    source, target = path("source", source), None if target is None else path("target", target)
    if os.path.isdir(source):
        raise UserError(f"{source}: is a folder; give one file, or use the command for folders")
    (job,), _ = plan([source], target)
    # A name that tells no format would be that of a folder.
    named = job.target if target is None or os.path.isdir(target) else target
    require_subtype(named, request.subtype)
    record = request.upsample(job, lambda share: None)
    if record.error:
        raise UserError(record.error)
    return record


def _restoring(only: str | None, declip: bool) -> Callable[[float], str] | None:
    """What chooses the preset for a bandwidth in Hz; None if none is used."""
    if only not in (None, "clipping"):
        raise UserError(f"only: is {only!r}; give 'clipping', or None for all")
    if only and not declip:
        raise UserError("declip: False leaves nothing to do with only='clipping'; drop one")
    return presets.restoring if only is None else None


def _request(model: Which | None, suited: Callable[[float], str] | None, **how: Any) -> Request:
    """The request for a given model, or else for the preset that is suited to a bandwidth in Hz."""
    if model is None:
        return Request(load=lambda name: _preset(name).backend, system=suited, **how)
    if suited is None:
        raise UserError("model: is not used here, for `only` uses none; leave one of them out")
    return request_for(load(model), **how)


@functools.cache
def _preset(name: str) -> Model:
    """The preset, cached because opening one takes longer than upsampling a short recording."""
    return load(name)


def evaluate(
    model: Which,
    clips: str | os.PathLike | None = None,
    protocol: str | Protocol = "tfsr",
    files: int | None = None,
    low: str | os.PathLike | None = None,
) -> Results:
    """Score a model on recordings, beside interpolations of the same recordings.

    It needs TensorFlow. Some columns also need `pip install 'tfsr[eval]'`, and are left out
    without it.

    Args:
        model: the model to evaluate.
        clips: a folder of recordings at the model's output rate or above. None: the bundled test
            recordings.
        protocol: "tfsr", "perceived", "apbwe" or another of `tfsr.evaluation.protocols`.
        files: number of recordings to use, from the first on; None: all.
        low: a folder of low-rate or damaged inputs, named like the clips. None: the protocol makes
            the low-rate signals from the clips.

    Returns:
        The scores of each file; `summary()` and `table()` give them as text.

    Raises:
        UserError: there are no recordings, or the protocol is unknown or for another rate.

    >>> import tfsr
    >>> results = tfsr.evaluate("speech-16k-x2", "clips", protocol="apbwe", files=1)
    >>> results.count, results.columns[:3]
    (1, ('SNR', 'segSNR', 'LSD'))
    """
    with needed_by("to evaluate"):
        from tfsr.data.bundled import Bundled
        from tfsr.data.corpora import Folder
        from tfsr.degradation.decimation import SincHannDecimation
        from tfsr.evaluation.evaluate import evaluate as evaluated
        from tfsr.evaluation.evaluate import of_files

    model, chosen = load(model), _protocol(protocol)
    if files is not None:
        number("files", files, "recordings", 1, whole=True)
    if clips is None:
        if low is not None:
            raise UserError("`low`: needs a folder of the originals; give `clips` too")
        bundled = chosen.test_set(Bundled().recordings("test")[:files], SincHannDecimation())
        return evaluated(model.backend, bundled, chosen, system=model.name)
    folder = Path(path("clips", clips))
    for one in Folder(folder).all_recordings[:files]:
        if one.rate < model.output_rate:
            raise UserError(
                f"{folder / one.name}: is at {one.rate} Hz; give recordings at "
                f"{model.output_rate} Hz or above"
            )
    given = None if low is None else Path(path("low", low))
    test_set = of_files(folder, given, files, chosen, SincHannDecimation())
    return evaluated(model.backend, test_set, chosen, system=model.name)


def _protocol(protocol: str | Protocol) -> Protocol:
    from tfsr.evaluation import protocols

    if isinstance(protocol, protocols.Protocol):
        return protocol
    if not isinstance(protocol, str):
        raise UserError(f"`protocol`: {protocol!r} is neither a Protocol nor the name of one")
    return protocols.named(protocol)


def score(
    reference: str | os.PathLike,
    estimates: str | os.PathLike | Mapping[str, str | os.PathLike],
    protocol: str | Protocol = "tfsr",
    low: str | os.PathLike | None = None,
    cutoff: float | None = None,
    frame_rate: float | None = None,
) -> Results:
    """Score the outputs of systems, stored as files, against the originals.

    It needs TensorFlow. Some columns also need `pip install 'tfsr[eval]'`, and are left out
    without it.

    Args:
        reference: a folder of originals, or one original.
        estimates: name of a system -> folder of files named like the originals, or one file. A
            path alone is a system called "estimate".
        protocol: the protocol that defines the metrics; a name of `tfsr.evaluation.protocols`, or
            a Protocol of your own.
        low: the inputs of the systems, likewise a folder or a file.
        cutoff: Hz above which the systems generated content. None: half the rate of `low`.
            Without both, columns that need the cut-off are left out.
        frame_rate: frames per second of the systems, at which their output may buzz.

    Returns:
        The scores of each file, with 95 % intervals of their means and of differences. Remarks
        point out levels, delays and low bands that differ from the original's.

    Raises:
        UserError: a file cannot be read or has no counterpart; rates, channels or lengths do not
            fit; or the protocol is for another rate.

    >>> import tfsr
    >>> results = tfsr.score("clips", {"same": "clips"}, cutoff=4000)
    >>> results.means["same"]["LSD"]
    0.0
    """
    with needed_by("to score"):
        from tfsr.evaluation import scoring

    systems = estimates if isinstance(estimates, Mapping) else {"estimate": estimates}
    for name in systems:
        if not isinstance(name, str):
            raise UserError(f"`estimates`: {name!r} is no name; give text")
    paths = {name: Path(path("estimates", each)) for name, each in systems.items()}
    chosen = _protocol(protocol)
    for name, value in {"cutoff": cutoff, "frame_rate": frame_rate}.items():
        if value is not None:
            number(name, value, "Hz", 1)
    given = None if low is None else Path(path("low", low))
    trials, left_out = scoring.found(Path(path("reference", reference)), paths, given)
    return scoring.score(trials, chosen, cutoff, frame_rate, left_out)


def compare(
    original: str | os.PathLike,
    low: str | os.PathLike,
    outs: Sequence[str | os.PathLike],
    cutoff: float | None = None,
) -> Comparison:
    """Compare the outputs of systems for one recording with the original.

    Args:
        original: a file; it sets the rate of the comparison.
        low: the input of the systems.
        outs: the outputs of the systems.
        cutoff: highest frequency of `low` in Hz; None: half its rate.

    Returns:
        The scores, and a page to hear and see them: `table()`, `write_page(path)`.

    Raises:
        UserError: a file cannot be read, or lengths differ by more than a tenth.

    >>> import tfsr
    >>> comparison = tfsr.compare("original.wav", "low.wav", ["wide.wav"])
    >>> comparison.cutoff_hz, list(comparison.scores)
    (4000.0, ['low.wav (low)', 'wide.wav'])
    """
    if isinstance(outs, str | os.PathLike) or not outs:
        raise UserError("`outs`: give a list of files, at least one")
    if cutoff is not None:
        number("cutoff", cutoff, "Hz", 1)
    files = path("original", original), path("low", low), *(path("outs", out) for out in outs)
    with needed_by("to compare"):
        from tfsr.evaluation import comparison

    original, low, *outs = map(Path, files)
    return comparison.compare(original, low, outs, cutoff)
