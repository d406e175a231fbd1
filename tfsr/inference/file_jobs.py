"""Upsample many files, each with a suitable upsampler, and some of them at once."""

import dataclasses
import functools
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from tfsr.arguments import number
from tfsr.audio_file import AudioFile, Raw
from tfsr.backend import Backend
from tfsr.errors import UserError
from tfsr.inference.bands import Band, of_each_channel, together
from tfsr.inference.files import KEEP, Plan, upsample_file
from tfsr.inference.manifest import Record
from tfsr.inference.output_paths import Job
from tfsr.inference.samples import RATES, Samples
from tfsr.inference.workers import Workers
from tfsr.signal.damage import Damage, DamageMeter, worst
from tfsr.signal.speech import Heard, hear

_LEAST_BANDWIDTH_HZ, _LEAST_CHUNK_SECONDS = 300, 0.01

# A silent channel has no band; what is made of it is as silent, at a rate that speech has.
_SILENT_HZ = 8000


class Measured(NamedTuple):
    """Measurements of a channel.

    Attributes:
        heard: its band, and whether it is speech.
        damage: None: it was not measured.
    """

    heard: Heard
    damage: Damage | None


@dataclasses.dataclass(frozen=True)
class Request:
    """The settings for all files.

    It can be pickled if `load` can be. The copy has loaded nothing yet.

    Attributes:
        load: name of a system -> its upsampler; called once for each name.
        system: the system for all files, or a function from a bandwidth in Hz to a system's name.
            None: no network changes them, and only clipped samples are filled.
        bandwidth_hz: highest frequency of all recordings; None: it is measured.
        keep_low_band: whether a recording stays as it is below its cut-off. An upsampler that
            restores changes it anyway. The cut-off is the bandwidth. For a named system without a
            given bandwidth, it is at most half the input rate.
        strength: for restoration: 0 leaves the recordings as they are, 1 restores them in full.
            Damage is measured, and systems that only widen the band are refused. None: no
            restoration is asked for.
        declip: whether restoration fills clipped samples before all else. What replaces clipped
            samples may be beyond full scale, so the output is rescaled.
        raw: coding of the samples in all of them; None: as the file tells.
        strict: whether unfinished and damaged recordings are refused.
        skip_existing: whether existing targets are skipped.
        chunk_seconds, seed, rate, subtype, rescale: see `Plan`.
    """

    load: Callable[[str], Backend]
    system: str | Callable[[float], str] | None
    bandwidth_hz: float | None = None
    keep_low_band: bool = True
    strength: float | None = None
    declip: bool = True
    raw: Raw | None = None
    strict: bool = False
    skip_existing: bool = False
    chunk_seconds: float | None = None
    seed: int = 0
    rate: int | Literal["keep"] | None = None
    subtype: str | None = None
    rescale: bool = False
    _loaded: dict[str, Backend] = dataclasses.field(default_factory=dict, repr=False)
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def __post_init__(self):
        if self.bandwidth_hz is not None:
            number("bandwidth", self.bandwidth_hz, "Hz", _LEAST_BANDWIDTH_HZ)
        if self.chunk_seconds is not None:
            number("chunk", self.chunk_seconds, "seconds", _LEAST_CHUNK_SECONDS)
        if self.rate not in (None, KEEP):
            number("rate", self.rate, "Hz", *RATES, whole=True)
        if self.strength is not None:
            number("strength", self.strength, "a share", 0, 1)
        number("seed", self.seed, "0 or more", 0, whole=True)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that it was made with, by name."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: getattr(self, name) for name in names if not name.startswith("_")}

    def __reduce__(self):
        return functools.partial(Request, **self.settings), ()

    def open(self, job: Job) -> AudioFile:
        """The recording of a job.

        Raises:
            UserError: the recording cannot be read.
        """
        return AudioFile(job.source, self.raw)

    def plan(self, source: AudioFile | Samples, name: str | Path) -> Plan:
        """Measure a recording, and choose its upsampler.

        Args:
            name: of the recording, for messages.

        Raises:
            UserError: the recording cannot be decoded, no system suits it, or `strict` refuses its
                faults.
        """
        measured = self._measured(source)
        known = [one for one in measured if one is not None]
        if self.strict and source.faults:
            faults = "; ".join(fault.text for fault in source.faults)
            raise UserError(f"{name}: {faults}; without `strict`, the readable part is used")
        try:
            bands = self._bands(self._bandwidths(measured, source), source.rate)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        ceilings = [one.damage.ceilings if one and one.damage else None for one in measured]
        return Plan(
            source,
            bands,
            speech=not known or any(one.heard.speech for one in known) if measured else None,
            damage=worst([one.damage for one in known if one.damage is not None]),
            ceilings=ceilings if self.declip and any(ceilings) else [],
            levels=[one.damage.speech_db if one and one.damage else None for one in measured],
            keep_low_band=self.keep_low_band,
            strength=1.0 if self.strength is None else self.strength,
            within_input=isinstance(self.system, str) and self.bandwidth_hz is None,
            chunk_seconds=self.chunk_seconds,
            seed=self.seed,
            rate=self.rate,
            subtype=self.subtype,
            rescale=self.rescale or any(ceilings),
        )

    def _measured(self, source: AudioFile | Samples) -> list[Measured | None]:
        """The measurements of each channel, None if silent; empty if the bandwidth is given."""
        if self.bandwidth_hz is not None:
            return []

        def measure(blocks: Iterable[np.ndarray]) -> Measured:
            if self.strength is None:
                return Measured(hear(blocks, source.rate), None)
            meter = DamageMeter(source.rate)
            return Measured(hear(meter.watched(blocks), source.rate), meter.damage)

        return of_each_channel(source.blocks(), source.channels, measure)

    def _bandwidths(
        self, measured: list[Measured | None], source: AudioFile | Samples
    ) -> list[float | None]:
        """The bandwidth of each channel; None for a silent one."""
        if self.bandwidth_hz is not None:
            return [min(self.bandwidth_hz, source.rate / 2)] * source.channels
        return [None if one is None else one.heard.bandwidth_hz for one in measured]

    def _bands(self, bandwidths: list[float | None], rate: int) -> list[Band]:
        """The bands of the channels; those with nothing to add stay as they are beside others.

        Raises:
            UserError: there is nothing to add to any channel.
        """
        system = self.system
        if system is None or isinstance(system, str):
            return together(bandwidths, rate, lambda _: system)
        if not any(bandwidths):
            bandwidths = [min(rate / 2, _SILENT_HZ)] * len(bandwidths)
        refused: list[UserError] = []

        def choose(bandwidth_hz: float) -> str | None:
            try:
                return system(bandwidth_hz)
            except UserError as error:
                refused.append(error)
                return None

        bands = together(bandwidths, rate, choose)
        if all(band.system is None for band in bands):
            raise refused[0]
        return bands

    def skips(self, job: Job) -> bool:
        """Whether a job is skipped because its target exists."""
        return self.skip_existing and job.target.exists()

    def upsampler(self, system: str) -> Backend:
        """The upsampler of that name.

        Raises:
            UserError: it cannot be loaded, or does not restore though this is asked for.
        """
        with self._lock:
            if system not in self._loaded:
                self._loaded[system] = self._load(system)
            return self._loaded[system]

    def _load(self, system: str) -> Backend:
        backend = self.load(system)
        if self.strength is not None and not backend.restores:
            raise UserError(
                f"{system}: only widens the band and restores nothing; give a model that restores, "
                "or use upsample"
            )
        return backend

    def upsample(
        self, job: Job, progress: Callable[[float], None], workers: Workers = Workers()
    ) -> Record:
        """Upsample a file; the record tells any error. See `upsample_file` for `workers`."""
        record = Record(str(job.source), str(job.target), seed=self.seed)
        if self.skips(job):
            return dataclasses.replace(record, skipped=True)
        try:
            with self.open(job) as source:
                plan = self.plan(source, job.source)
                record = record.planned(plan)
                upsamplers = [self.upsampler(system) for system in plan.systems]
                if workers.batch > 1:
                    for system, upsampler in zip(plan.systems, upsamplers, strict=True):
                        _check_takes_batches(system, upsampler)
                fitted = upsample_file(self.upsampler, plan, job.target, progress, workers)
                rates = (upsampler.input_rate for upsampler in upsamplers)
                lowest = min(rates, default=source.rate)
                record = record.done(lowest, plan.output_rate(upsamplers), fitted)
        except UserError as error:
            record = dataclasses.replace(record, error=str(error))
        return record


def _check_takes_batches(system: str, upsampler: Backend) -> None:
    stages = len(upsampler.stages)
    if stages > 1:
        raise UserError(
            f"{system}: has {stages} stages, each made of the one before, and takes no `batch` of "
            "chunks; give a longer `chunk`"
        )
    if upsampler.receptive_field is None and upsampler.context is None:
        raise UserError(f"{system}: takes whole recordings, not a `batch` of chunks; leave it out")


def in_order(
    jobs: Sequence[Job],
    upsample: Callable[[Job], Record],
    workers: int,
    stop: Callable[[], None] = lambda: None,
) -> Generator[Record, None, None]:
    """The record of each job, with some of them at once; `stop` is called at the end.

    The end may come early, by an interrupt. Running jobs should then end.

    Jobs run in threads. Most of the time is spent in libraries that let other threads run.
    Processes would cost more time and memory (docs/scale.md).
    """
    if workers == 1:
        yield from map(upsample, jobs)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from pool.map(upsample, jobs)
        finally:
            stop()
