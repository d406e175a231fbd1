"""Audio files of any length through an upsampler, in constant memory."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tfsr import audio_file
from tfsr.inference.chunks import upsample_blocks
from tfsr.signal.resample import StreamResampler, resampled_length
from tfsr.upsamplers.base import Upsampler

_READ_BLOCK = 65536

# Codings that hold each sample by itself and so any number of them; others pad the end of a file.
_KEPT_SUBTYPES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "VORBIS")


@dataclasses.dataclass(frozen=True)
class Upsampled:
    """What was done to a file; rates in Hz, `samples` are those of the output."""

    source_rate: int
    input_rate: int
    output_rate: int
    samples: int

    @property
    def was_resampled(self) -> bool:
        """Whether the file was not at the upsampler's input rate and was brought there first."""
        return self.source_rate != self.input_rate


def upsample_file(
    upsampler: Upsampler,
    source: str | os.PathLike,
    target: str | os.PathLike,
    chunk: int | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Upsampled:
    """Upsample a file of any rate, length and number of channels.

    A file that is not at `input_rate` is resampled to it first. The output has exactly `ratio`
    samples for each of those, and the input's bits per sample where its container can hold them
    (else the container's usual, 16 for WAV). It appears under its name when it is complete.

    Args:
        chunk: input samples that are upsampled together; unless given the upsampler's own number,
            of all channels together, so that six need no more memory than one.
        seed: of the noise, for upsamplers that draw any.
        progress: called now and then with the share that is done, up to 1.

    Raises:
        UserError: `source` cannot be read or has NaN or infinite samples, or `target` cannot be
            written.
    """
    header = audio_file.info(source)
    gain = 1.0
    if upsampler.peaks is not None:
        gain = float(upsampler.gain(_peak(_low(upsampler, source))))
    chunk = chunk or max(upsampler.chunk // header.channels, 1)
    samples = upsampler.ratio * resampled_length(header.samples, header.rate, upsampler.input_rate)
    written = 0
    subtype = _subtype(target, header.subtype)
    with audio_file.Writer(target, upsampler.output_rate, header.channels, subtype) as writer:
        for high in upsample_blocks(upsampler, _low(upsampler, source), chunk, seed, gain):
            writer.write(high)
            written += len(high)
            if progress is not None:
                progress(written / samples)
    return Upsampled(header.rate, upsampler.input_rate, upsampler.output_rate, written)


def _low(upsampler: Upsampler, source: str | os.PathLike) -> Iterator[np.ndarray]:
    """A file at the upsampler's input rate, in blocks [time, channels]."""
    header = audio_file.info(source)
    resampler = StreamResampler(header.rate, upsampler.input_rate, header.channels)
    for block in audio_file.blocks(source, _READ_BLOCK):
        yield resampler.push(block, last=False)
    yield resampler.push(np.zeros([0, header.channels], np.float32), last=True)


def _peak(blocks: Iterable[np.ndarray]) -> float:
    return max(float(np.max(np.abs(block), initial=0.0)) for block in blocks)


def _subtype(target: str | os.PathLike, subtype: str) -> str:
    kept = subtype if subtype in _KEPT_SUBTYPES else "PCM_16"
    return audio_file.allowed_subtype(target, kept)
