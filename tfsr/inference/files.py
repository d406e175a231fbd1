"""Audio files of any length through an upsampler, in constant memory."""

import dataclasses
import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from tfsr import audio_file
from tfsr.audio_file import AudioFile, Writer
from tfsr.errors import UserError
from tfsr.inference.choice import remark
from tfsr.inference.chunks import upsample_blocks
from tfsr.inference.crossover import with_low_band
from tfsr.signal.resample import StreamResampler, resampled_length
from tfsr.upsamplers.base import Upsampler

KEEP = "keep"
"""The rate of each input, unless the upsampler's output rate is higher."""

# What recordings keep. Of 8 bits or of a lossy coding, they would lose what was just added.
_KEPT_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is made of a recording, and how.

    Attributes:
        source: the recording.
        target: the file to write.
        system: the name of the upsampler.
        bandwidth_hz: up to where the recording reaches; None for half its rate.
        speech: whether it looks like speech; None where nobody has listened.
        keep_low_band: whether what it has below `bandwidth_hz` stays as it is, unless the upsampler
            is to restore it; see `tfsr.inference.crossover`.
        within_input: whether that is so at most up to half the upsampler's input rate.
        chunk_seconds: that are upsampled together; None for the upsampler's own number, of all
            channels together, so that six need no more memory than one.
        seed: of the noise, for upsamplers that draw any.
        rate: Hz, to which the output is resampled, or `KEEP`; None for the upsampler's own.
        subtype: soundfile's word ("PCM_24"); None for that of the input, where the output's
            container can hold it, but at least 16 bits.
        rescale: whether what would be clipped is made softer as a whole.
    """

    source: AudioFile
    target: Path
    system: str = ""
    bandwidth_hz: float | None = None
    speech: bool | None = None
    keep_low_band: bool = False
    within_input: bool = False
    chunk_seconds: float | None = None
    seed: int = 0
    rate: int | Literal["keep"] | None = None
    subtype: str | None = None
    rescale: bool = False

    def __str__(self) -> str:
        source = self.source
        note = remark(self.bandwidth_hz or source.rate / 2, source.rate)
        size = f"{source.rate} Hz, {source.channels} channels, {source.info.seconds:.1f} s"
        return f"{size}, {note}with {self.system}"

    def output_rate(self, upsampler: Upsampler) -> int:
        """Hz."""
        if self.rate == KEEP:
            return max(self.source.rate, upsampler.output_rate)
        return self.rate or upsampler.output_rate

    def chunk(self, upsampler: Upsampler) -> int:
        """Samples at the upsampler's input rate."""
        if self.chunk_seconds:
            return max(round(self.chunk_seconds * upsampler.input_rate), 1)
        return max(upsampler.chunk // self.source.channels, 1)

    def low_band_hz(self, upsampler: Upsampler) -> float | None:
        """Below which the recording stays as it is; None: nowhere."""
        if not self.keep_low_band or upsampler.restores:
            return None
        reached = self.bandwidth_hz or self.source.rate / 2
        return min(reached, upsampler.input_rate / 2) if self.within_input else reached

    def written_subtype(self) -> str:
        kept = self.source.subtype if self.source.subtype in _KEPT_SUBTYPES else "PCM_16"
        return self.subtype or audio_file.allowed_subtype(self.target, kept)


@dataclasses.dataclass(frozen=True)
class Level:
    """What was done to samples beyond full scale.

    Attributes:
        clipped: how many were cut off.
        over_db: how far they were beyond.
        lowered_db: by how much all was made softer instead.
    """

    clipped: int = 0
    over_db: float = 0.0
    lowered_db: float = 0.0


def upsample_file(
    upsampler: Upsampler, plan: Plan, progress: Callable[[float], None] | None = None
) -> Level:
    """Upsample a recording of any rate, length and number of channels, with its tags.

    What is not at `input_rate` is resampled to it first. The output is as long as the input, to a
    sample, and nothing is made of silence. It appears under its name when it is complete. The
    recording is decoded once to know it, unless that was done before, once more for its peak, if
    the upsampler asks for that, and once.

    Args:
        progress: called now and then with the share that is done, up to 1.

    Raises:
        UserError: the source has NaN or infinite samples or cannot be decoded, or the target cannot
            be written.
    """
    source, rate = plan.source, plan.output_rate(upsampler)
    source.know()
    samples = resampled_length(source.samples, source.rate, rate)
    if source.silent:
        high = _resampled(source.blocks(), source.rate, rate)
    else:
        high = _resampled(_upsampled(upsampler, plan), upsampler.output_rate, rate)
    high = _with_progress(_cut(high, samples), samples, progress)
    subtype = plan.written_subtype()
    with Writer(plan.target, rate, source.channels, subtype, source.tags) as writer:
        gain = 1.0
        if plan.rescale and writer.largest < math.inf:
            high, gain = _within(high, writer.largest, plan.target)
        for block in high:
            writer.write(block)
    over = writer.clipped
    lowered = -20 * math.log10(gain)
    return Level(over.samples, over.over_db, lowered) if over else Level(lowered_db=lowered)


def _upsampled(upsampler: Upsampler, plan: Plan) -> Iterator[np.ndarray]:
    """At the upsampler's output rate, at least as long as the file."""
    source, cutoff_hz = plan.source, plan.low_band_hz(upsampler)

    def low_rate(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return _resampled(blocks, source.rate, upsampler.input_rate)

    gain = 1.0
    if upsampler.peaks is not None:
        gain = float(upsampler.gain(_peak(low_rate(source.blocks()))))
    if cutoff_hz is None:
        return _high(upsampler, plan, low_rate(source.blocks()), gain)
    # What the upsampler is ahead of the low band is kept: a chunk, and what it sees around it.
    for_high, for_low = itertools.tee(source.blocks())
    low = _resampled(for_low, source.rate, upsampler.output_rate)
    high = _high(upsampler, plan, low_rate(for_high), gain)
    return with_low_band(low, high, cutoff_hz, upsampler.output_rate)


def _high(
    upsampler: Upsampler, plan: Plan, low: Iterator[np.ndarray], gain: float
) -> Iterator[np.ndarray]:
    return upsample_blocks(upsampler, low, plan.chunk(upsampler), plan.seed, gain)


def _resampled(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    resampler = None
    for block in blocks:
        resampler = resampler or StreamResampler(from_rate, to_rate, block.shape[1])
        if len(ready := resampler.push(block, last=False)):
            yield ready
    if len(ready := resampler.push(block[:0], last=True)):
        yield ready


def _cut(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The first so many samples."""
    for block in blocks:
        yield block[:samples]
        samples -= min(len(block), samples)


def _with_progress(
    blocks: Iterable[np.ndarray], samples: int, progress: Callable[[float], None] | None
) -> Iterator[np.ndarray]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if progress is not None:
            progress(done / samples)


def _within(
    blocks: Iterable[np.ndarray], largest: float, target: Path
) -> tuple[Iterator[np.ndarray], float]:
    """All of it at a level at which nothing is larger, by way of a temporary file; and the gain."""
    peak, sizes, channels = 0.0, [], 1
    kept = tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115  `again` closes it
    try:
        for block in blocks:
            peak = max(peak, float(np.max(np.abs(block), initial=0.0)))
            channels = block.shape[1]
            sizes.append(len(block) * channels)
            np.ascontiguousarray(block, np.float32).tofile(kept)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error})") from error
    gain = min(largest / peak, 1.0) if peak else 1.0

    def again() -> Iterator[np.ndarray]:
        with kept:
            kept.seek(0)
            for size in sizes:
                block = np.fromfile(kept, np.float32, size).reshape(-1, channels)
                yield np.float32(gain) * block

    return again(), gain


def _peak(blocks: Iterable[np.ndarray]) -> float:
    return max(float(np.max(np.abs(block), initial=0.0)) for block in blocks)
