"""Upsample audio files of any length in constant memory."""

import dataclasses
import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np

from tfsr import audio_file
from tfsr.audio_file import AudioFile, Writer
from tfsr.backend import Backend
from tfsr.errors import UserError
from tfsr.inference.bands import Band
from tfsr.inference.chunks import upsample_blocks
from tfsr.inference.crossover import with_low_band
from tfsr.inference.declipping import declipped
from tfsr.inference.mixing import mixed
from tfsr.inference.preset_selection import remark
from tfsr.inference.samples import Samples
from tfsr.inference.workers import Workers
from tfsr.signal.damage import Ceilings, Damage
from tfsr.signal.resample import StreamResampler, resampled_length

KEEP: Final = "keep"
"""Output rate option: the rate of each input, unless the upsampler's output rate is higher."""

# What recordings keep. Of 8 bits or of a lossy coding, they would lose what was just added.
_KEPT_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")

# Level of loud speech, in dB of full scale (RMS), below which training has little of it. Noise in
# quieter recordings is taken for speech, and stays.
_QUIETEST_DB = -30.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a recording is processed.

    Attributes:
        source: the recording.
        bands: groups of its channels; every channel is in one. Usually there is one group.
        speech: whether it looks like speech; None if this was not measured.
        damage: what is wrong with it; None if this was not measured.
        ceilings: of each channel, to fill its clipped samples before the upsampling; None where
            none are filled. Empty: none in all channels.
        levels: of the loud speech in each channel, in dB of full scale (RMS); None where it is
            unknown. Empty: in all channels.
        keep_low_band: whether the channels stay as they are below their bandwidth, unless the
            upsampler is to restore them; see `tfsr.inference.crossover`.
        within_input: whether this is limited to half the upsampler's input rate.
        strength: of an upsampler that restores: 0 leaves the channels as they are, 1 takes its
            output; see `tfsr.inference.mixing`.
        chunk_seconds: seconds upsampled together. None: the upsampler's own number, for all
            channels together, so that six channels need no more memory than one.
        seed: of the noise, for upsamplers that use noise.
        rate: Hz, to which the output is resampled, or `KEEP`; None: the upsampler's output rate.
        subtype: as soundfile names it ("PCM_24"). None: that of the input, where the output's
            container can hold it, but at least 16 bits.
        rescale: whether a too loud output is made softer as a whole, not clipped.
    """

    source: AudioFile | Samples
    bands: Sequence[Band]
    speech: bool | None = None
    damage: Damage | None = None
    ceilings: Sequence[Ceilings | None] = ()
    levels: Sequence[float | None] = ()
    keep_low_band: bool = False
    within_input: bool = False
    strength: float = 1.0
    chunk_seconds: float | None = None
    seed: int = 0
    rate: int | Literal["keep"] | None = None
    subtype: str | None = None
    rescale: bool = False

    def __str__(self) -> str:
        source = self.source
        size = f"{source.rate} Hz, {source.channels} channels, {source.samples / source.rate:.1f} s"
        return f"{size}, {described(self.bands, source.rate)}"

    @property
    def systems(self) -> list[str]:
        """The names of all upsamplers that it uses."""
        return list(dict.fromkeys(band.system for band in self.bands if band.system is not None))

    def output_rate(self, upsamplers: Iterable[Backend]) -> int:
        """The output rate in Hz: the highest one of several upsamplers, or that of the source."""
        rates = (upsampler.output_rate for upsampler in upsamplers)
        highest = max(rates, default=self.source.rate)
        return max(self.source.rate, highest) if self.rate == KEEP else self.rate or highest

    def chunk(self, upsampler: Backend, channels: int) -> int:
        """Length of a chunk, in samples at the upsampler's input rate."""
        if self.chunk_seconds:
            return max(round(self.chunk_seconds * upsampler.input_rate), 1)
        return max(upsampler.chunk // channels, 1)

    def low_band_hz(self, upsampler: Backend, band: Band) -> float | None:
        """Frequency in Hz below which channels stay as they are; None: they change everywhere."""
        if not self.keep_low_band or upsampler.restores:
            return None
        reached, known = band.bandwidth_hz, upsampler.input_rate / 2
        return min(reached, known) if self.within_input else reached

    def output_samples(self, rate: int) -> int:
        """Number of samples of each channel, at the rate of the output in Hz."""
        return resampled_length(self.source.samples, self.source.rate, rate)

    def written_subtype(self, target: Path) -> str:
        kept = self.source.subtype if self.source.subtype in _KEPT_SUBTYPES else "PCM_16"
        return self.subtype or audio_file.allowed_subtype(target, kept)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What was done to fit a recording into its file.

    Attributes:
        clipped: number of samples beyond full scale that were clipped.
        over_db: how far they were beyond full scale.
        lowered_db: by how much everything was made softer instead.
        container: container of the output, as soundfile names it; RF64 if WAV would be too small.
    """

    clipped: int = 0
    over_db: float = 0.0
    lowered_db: float = 0.0
    container: str = ""


def described(bands: Sequence[Band], rate: int) -> str:
    """A text about the channels and their upsamplers."""
    if len(bands) == 1:
        return f"{remark(bands[0].bandwidth_hz, rate)}{_how(bands[0])}"
    return "; ".join(map(_described, bands))


def _described(band: Band) -> str:
    numbers = ", ".join(str(place + 1) for place in band.channels)
    many = "channels" if len(band.channels) > 1 else "channel"
    return f"{many} {numbers} up to {band.bandwidth_hz / 1000:.1f} kHz, {_how(band)}"


def _how(band: Band) -> str:
    return f"with {band.system}" if band.system is not None else "as it is"


def upsample_file(
    load: Callable[[str], Backend],
    plan: Plan,
    target: Path,
    progress: Callable[[float], None] | None = None,
    workers: Workers = Workers(),
) -> Fitted:
    """Upsample a recording of any rate, length and number of channels, with its tags.

    A recording that is not at `input_rate` is first resampled. The output has exactly the length of
    the input, and silence stays silence. The file appears under its name when it is complete. The
    recording is decoded once to measure it, unless that was done before. If the upsampler needs the
    peak, it is decoded once more. The last time is for the upsampling.

    Args:
        load: returns the upsampler for the name of a band's system.
        target: the file to write.
        progress: called from time to time with the finished share. 1: only the end of the file, and
            its name, are still to be written.
        workers: run the networks. Threads change no bit of the output; batches may round otherwise.

    Raises:
        UserError: the source has NaN or infinite samples, or cannot be decoded. Or the target
            cannot be written, or cannot hold a recording of this size.
    """
    high, rate = upsampled(load, plan, progress, workers)
    source, subtype = plan.source, plan.written_subtype(target)
    how = rate, source.channels, subtype, source.tags, plan.output_samples(rate)
    with Writer(target, *how) as writer:
        gain = 1.0
        if plan.rescale and writer.largest < math.inf:
            high, gain = _within(high, writer.largest, target)
        for block in high:
            writer.write(block)
        if progress is not None:
            progress(1.0)
    over, over_db = writer.clipped or (0, 0.0)
    return Fitted(over, over_db, -20 * math.log10(gain), writer.container)


def upsampled(
    load: Callable[[str], Backend],
    plan: Plan,
    progress: Callable[[float], None] | None = None,
    workers: Workers = Workers(),
) -> tuple[Iterator[np.ndarray], int]:
    """An upsampled recording, in blocks of float32 [time, channels], and their rate in Hz.

    In total they have exactly the length of the recording. The arguments are `upsample_file`'s.

    Raises:
        UserError: the source has NaN or infinite samples or cannot be decoded.
    """
    source, rate = plan.source, plan.output_rate(map(load, plan.systems))
    source.know()
    samples = plan.output_samples(rate)
    if source.silent:
        high = _resampled(source.blocks(), source.rate, rate)
    else:
        high = _of_all_bands(load, plan, rate, workers)
    return _with_progress(_cut(high, samples), samples, progress), rate


def _of_all_bands(
    load: Callable[[str], Backend], plan: Plan, rate: int, workers: Workers
) -> Iterator[np.ndarray]:
    """All channels at the output rate, at least as long as the file."""
    gains = _gains(load, plan)
    # What one is ahead of the others is kept: a chunk, and what its upsampler sees around it.
    copies = itertools.tee(plan.source.blocks(), len(plan.bands))
    made = []
    for band, blocks, gain in zip(plan.bands, copies, gains, strict=True):
        own = _channels(blocks, band)
        if band.system is None:
            made.append(_resampled(_without_network(plan, band, own), plan.source.rate, rate))
            continue
        upsampler = load(band.system)
        high = _upsampled(upsampler, plan, band, own, gain, workers)
        made.append(_resampled(high, upsampler.output_rate, rate))
    order = np.argsort([place for band in plan.bands for place in band.channels])
    for together in _in_step(made):
        yield np.concatenate(together, axis=1)[:, order]


def _gains(load: Callable[[str], Backend], plan: Plan) -> list[float | list[float]]:
    """The factor of each band during upsampling, or one for each of its channels.

    It comes from the peak of the band, see `Backend.peaks`. Without `peaks`, restoration hears
    quiet channels louder.
    """
    upsamplers = [None if band.system is None else load(band.system) for band in plan.bands]
    gains: list[float | list[float]] = [1.0] * len(upsamplers)
    for place, (upsampler, band) in enumerate(zip(upsamplers, plan.bands, strict=True)):
        if upsampler is not None and upsampler.peaks is not None:
            own = _declipped(plan, band, _channels(plan.source.blocks(), band))
            peak = _peak(_resampled(own, plan.source.rate, upsampler.input_rate))
            gains[place] = upsampler.gain(peak)
        elif upsampler is not None and upsampler.restores and plan.levels:
            gains[place] = [_raise(plan.levels[channel]) for channel in band.channels]
    return gains


def _raise(level_db: float | None) -> float:
    """The factor of a channel by its level, for restoration."""
    return 1.0 if level_db is None else 10 ** (max(_QUIETEST_DB - level_db, 0.0) / 20)


def _upsampled(
    upsampler: Backend,
    plan: Plan,
    band: Band,
    blocks: Iterator[np.ndarray],
    gain: float | list[float],
    workers: Workers,
) -> Iterator[np.ndarray]:
    """Some channels, upsampled, at the upsampler's output rate."""
    cutoff_hz, chunk = plan.low_band_hz(upsampler, band), plan.chunk(upsampler, len(band.channels))
    for_high, for_low = itertools.tee(blocks)
    whole = _declipped(plan, band, for_high)
    low_rate = _resampled(whole, plan.source.rate, upsampler.input_rate)
    high = upsample_blocks(upsampler, low_rate, chunk, plan.seed, gain, workers)
    if cutoff_hz is None and (plan.strength == 1 or not upsampler.restores):
        return high
    low = _resampled(for_low, plan.source.rate, upsampler.output_rate)
    if cutoff_hz is None:
        return mixed(low, high, plan.strength, upsampler.output_rate)
    return with_low_band(low, high, cutoff_hz, upsampler.output_rate)


def _without_network(plan: Plan, band: Band, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Channels that no upsampler changes; clipped samples are filled."""
    for_high, for_low = itertools.tee(blocks)
    high = _declipped(plan, band, for_high)
    if plan.strength == 1 or not plan.ceilings:
        return high
    return mixed(for_low, high, plan.strength, plan.source.rate)


def _declipped(plan: Plan, band: Band, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The channels of a band, with new values for their clipped samples."""
    ceilings = [plan.ceilings[place] for place in band.channels] if plan.ceilings else []
    return declipped(blocks, plan.source.rate, ceilings) if any(ceilings) else blocks


def _channels(blocks: Iterable[np.ndarray], band: Band) -> Iterator[np.ndarray]:
    """Only the channels of a band."""
    for block in blocks:
        yield block[:, band.channels]


def _in_step(streams: Sequence[Iterator[np.ndarray]]) -> Iterator[list[np.ndarray]]:
    """Blocks of equal lengths from all streams, up to the end of the shortest."""
    held = [next(stream) for stream in streams]
    while True:
        size = min(map(len, held))
        if size:
            yield [block[:size] for block in held]
        held = [block[size:] for block in held]
        for place, stream in enumerate(streams):
            while not len(held[place]):
                if (block := next(stream, None)) is None:
                    return
                held[place] = block


def _resampled(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    resampler = None
    for block in blocks:
        resampler = resampler or StreamResampler(from_rate, to_rate, block.shape[1])
        if len(ready := resampler.push(block, last=False)):
            yield ready
    if resampler is not None and len(ready := resampler.push(block[:0], last=True)):
        yield ready


def _cut(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """The first `samples` samples of a stream."""
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
        if progress is not None and done < samples:
            progress(done / samples)


def _within(
    blocks: Iterable[np.ndarray], largest: float, target: Path
) -> tuple[Iterator[np.ndarray], float]:
    """The whole signal, scaled so that nothing exceeds full scale, and the factor.

    It goes through a temporary file.
    """
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
