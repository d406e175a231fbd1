"""Many files, each with the upsampler that suits it, some of them at once."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.inference.choice import NO_SPEECH, remark
from tfsr.inference.files import Settings, read_blocks, upsample_file
from tfsr.inference.manifest import Record
from tfsr.inference.targets import Job
from tfsr.signal.speech import hear
from tfsr.upsamplers.base import Upsampler

KEEP = "keep"
"""The rate of each input, unless the upsampler's output rate is higher."""


@dataclasses.dataclass(frozen=True)
class Sight:
    """What is known of a file before it is upsampled."""

    header: audio_file.Info
    bandwidth_hz: float
    system: str
    speech: bool = True

    def __str__(self) -> str:
        head, note = self.header, remark(self.bandwidth_hz, self.header.rate)
        size = f"{head.rate} Hz, {head.channels} channels, {head.seconds:.1f} s"
        line = f"{size}, {note}with {self.system}"
        return line if self.speech else f"{line}; {NO_SPEECH}"


@dataclasses.dataclass(frozen=True)
class Request:
    """What is wanted of all files.

    Attributes:
        load: a system's upsampler, by name; called once for each name.
        system: the one for all files; None: of each file `choose` names it.
        choose: the system for a recording with such a bandwidth, in Hz.
        bandwidth_hz: where all recordings end; None: it is measured.
        keep_low_band: whether what a recording has below its cut-off stays as it is, whatever the
            upsampler makes of it, unless that is to restore it. The cut-off is the bandwidth, and
            for a system that was named at most half its input rate, if no bandwidth was given.
        chunk_seconds: that are upsampled together; None for the upsampler's own number.
        seed: of the noise.
        rate: Hz, of all outputs, or `KEEP`; None for the upsampler's.
        subtype: of all outputs; None for that of each input.
        skip_existing: whether what is there already is left out.
    """

    load: Callable[[str], Upsampler]
    system: str | None = None
    choose: Callable[[float], str] | None = None
    bandwidth_hz: float | None = None
    keep_low_band: bool = True
    chunk_seconds: float | None = None
    seed: int = 0
    rate: int | Literal["keep"] | None = None
    subtype: str | None = None
    skip_existing: bool = False
    _loaded: dict[str, Upsampler] = dataclasses.field(default_factory=dict, repr=False)
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def look(self, source: Path) -> Sight:
        """Measure a recording, and choose what to upsample it with.

        Raises:
            UserError: it cannot be read, or no system suits it.
        """
        header = audio_file.info(source)
        bandwidth_hz, speech = self.bandwidth_hz, True
        if bandwidth_hz is None:
            heard = hear(read_blocks(source), header.rate)
            bandwidth_hz, speech = heard.bandwidth_hz, heard.speech
        bandwidth_hz = min(bandwidth_hz, header.rate / 2)
        try:
            system = self.system or self.choose(bandwidth_hz)
            return Sight(header, bandwidth_hz, system, speech)
        except UserError as error:
            raise UserError(f"{source}: {error}") from error

    def skips(self, job: Job) -> bool:
        """Whether a job is left out, for what it would make is there."""
        return self.skip_existing and job.target.exists()

    def upsampler(self, system: str) -> Upsampler:
        with self._lock:
            if system not in self._loaded:
                self._loaded[system] = self.load(system)
            return self._loaded[system]

    def upsample(self, job: Job, progress: Callable[[float], None]) -> Record:
        """Upsample a file; what is wrong with it is told in the record."""
        record, start = Record(str(job.source), str(job.target), seed=self.seed), time.monotonic()
        if self.skips(job):
            return dataclasses.replace(record, skipped=True)
        try:
            sight = self.look(job.source)
            record = _with_sight(record, sight)
            upsampler = self.upsampler(sight.system)
            settings = self._settings(sight, upsampler)
            done = upsample_file(upsampler, job.source, job.target, settings, progress)
            result = {"input_rate": done.input_rate, "output_rate": done.output_rate}
        except UserError as error:
            result = {"error": str(error)}
        spent = round(time.monotonic() - start, 3)
        return dataclasses.replace(record, **result, spent_seconds=spent)

    def _settings(self, sight: Sight, upsampler: Upsampler) -> Settings:
        chunk = self.chunk_seconds and max(round(self.chunk_seconds * upsampler.input_rate), 1)
        rate = self.rate
        if rate == KEEP:
            rate = max(sight.header.rate, upsampler.output_rate)
        return Settings(chunk, self.seed, self._cutoff(sight, upsampler), rate, self.subtype)

    def _cutoff(self, sight: Sight, upsampler: Upsampler) -> float | None:
        if not self.keep_low_band or upsampler.restores:
            return None
        if self.system is None or self.bandwidth_hz is not None:
            return sight.bandwidth_hz
        return min(sight.bandwidth_hz, upsampler.input_rate / 2)


def in_order(
    jobs: Sequence[Job], upsample: Callable[[Job], Record], workers: int
) -> Iterator[Record]:
    """The record of each job, some of them worked on at once.

    In threads: nearly all of the time is spent in TensorFlow and in libraries that let others run
    meanwhile, and a process each would take seconds to start, and memory for the weights.
    """
    if workers == 1:
        yield from map(upsample, jobs)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(upsample, jobs)


def _with_sight(record: Record, sight: Sight) -> Record:
    header = sight.header
    return dataclasses.replace(
        record,
        source_rate=header.rate,
        bandwidth_hz=round(sight.bandwidth_hz, 1),
        channels=header.channels,
        seconds=header.seconds,
        system=sight.system,
        speech=sight.speech,
    )
