"""Audio files of any length through an upsampler, in constant memory."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tfsr import audio_file
from tfsr.inference.chunks import upsample_blocks
from tfsr.inference.crossover import with_low_band
from tfsr.signal.resample import StreamResampler, resampled_length
from tfsr.upsamplers.base import Upsampler

_READ_BLOCK = 65536

# Codings that hold each sample by itself and so any number of them; others pad the end of a file.
_KEPT_SUBTYPES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "VORBIS")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a file is upsampled.

    Attributes:
        chunk: input samples that are upsampled together; None for the upsampler's own number, of
            all channels together, so that six need no more memory than one.
        seed: of the noise, for upsamplers that draw any.
        low_band_hz: the cut-off below which the recording is kept as it is, see
            `tfsr.inference.crossover`; None leaves all to the upsampler.
        rate: Hz, to which the output is resampled; None for the upsampler's own.
        subtype: soundfile's word ("PCM_24"); None for that of the input, where the output's
            container can hold it (else the container's usual, 16 bits for WAV).
    """

    chunk: int | None = None
    seed: int = 0
    low_band_hz: float | None = None
    rate: int | None = None
    subtype: str | None = None


@dataclasses.dataclass(frozen=True)
class Upsampled:
    """What was done to a file; rates in Hz, `samples` are those of the output."""

    source_rate: int
    input_rate: int
    output_rate: int
    samples: int


def upsample_file(
    upsampler: Upsampler,
    source: str | os.PathLike,
    target: str | os.PathLike,
    settings: Settings = Settings(),
    progress: Callable[[float], None] | None = None,
) -> Upsampled:
    """Upsample a file of any rate, length and number of channels, with its tags.

    A file that is not at `input_rate` is resampled to it first. The output is as long as the
    input, to a sample. It appears under its name when it is complete.

    Args:
        progress: called now and then with the share that is done, up to 1.

    Raises:
        UserError: `source` cannot be read or has NaN or infinite samples, or `target` cannot be
            written.
    """
    header, rate = audio_file.info(source), settings.rate or upsampler.output_rate
    samples, written = resampled_length(header.samples, header.rate, rate), 0
    high = _resampled(_upsampled(upsampler, source, settings), upsampler.output_rate, rate)
    subtype = settings.subtype or _subtype(target, header.subtype)
    tags = audio_file.tags(source)
    with audio_file.Writer(target, rate, header.channels, subtype, tags) as writer:
        for block in high:
            block = block[: samples - written]
            writer.write(block)
            written += len(block)
            if progress is not None:
                progress(written / samples)
    return Upsampled(header.rate, upsampler.input_rate, rate, written)


def read_blocks(source: str | os.PathLike) -> Iterator[np.ndarray]:
    """A file in blocks [time, channels], of all channels together as large for six as for one."""
    return audio_file.blocks(source, max(_READ_BLOCK // audio_file.info(source).channels, 1))


def _upsampled(
    upsampler: Upsampler, source: str | os.PathLike, settings: Settings
) -> Iterator[np.ndarray]:
    """At the upsampler's output rate, at least as long as the file."""
    header = audio_file.info(source)

    def at(rate: int) -> Iterator[np.ndarray]:
        return _resampled(read_blocks(source), header.rate, rate)

    gain = 1.0
    if upsampler.peaks is not None:
        gain = float(upsampler.gain(_peak(at(upsampler.input_rate))))
    chunk = settings.chunk or max(upsampler.chunk // header.channels, 1)
    high = upsample_blocks(upsampler, at(upsampler.input_rate), chunk, settings.seed, gain)
    if settings.low_band_hz is None:
        return high
    low = at(upsampler.output_rate)
    return with_low_band(low, high, settings.low_band_hz, upsampler.output_rate)


def _resampled(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    resampler = None
    for block in blocks:
        resampler = resampler or StreamResampler(from_rate, to_rate, block.shape[1])
        if len(ready := resampler.push(block, last=False)):
            yield ready
    if len(ready := resampler.push(block[:0], last=True)):
        yield ready


def _peak(blocks: Iterable[np.ndarray]) -> float:
    return max(float(np.max(np.abs(block), initial=0.0)) for block in blocks)


def _subtype(target: str | os.PathLike, subtype: str) -> str:
    kept = subtype if subtype in _KEPT_SUBTYPES else "PCM_16"
    return audio_file.allowed_subtype(target, kept)
