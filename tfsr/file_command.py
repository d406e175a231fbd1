"""Flags and course of the commands that process files: `upsample`, `restore` and `bulk`."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from absl import flags

from tfsr import command
from tfsr.errors import UserError
from tfsr.names import shown
from tfsr.postponed import Signals

if TYPE_CHECKING:
    from tfsr.inference.file_jobs import Request

# Flags that are defined here belong to the command that asks for them.
flags.disclaim_key_flags()

# So many files that are left out of folders are named.
_LEFT_TOLD = 20


@dataclasses.dataclass(frozen=True)
class Loader:
    """Loads the backend of a system by its name, in any process.

    Attributes:
        params, threads, allow_import: see `tfsr.loading.load`.
    """

    params: Sequence[str] = ()
    threads: int | None = None
    allow_import: Sequence[str] = ()

    def __call__(self, system: str):
        from tfsr.loading import load

        backend = load(system, self.params, self.threads, self.allow_import).backend
        command.return_free_memory()
        return backend


class RequestFlags:
    """The flags that say how recordings are processed. To make one defines them.

    Args:
        verb, participle, rate: see `FileCommand`.
    """

    def __init__(self, verb: str, participle: str, rate: str | None = None):
        self._verb = verb
        self._preset = flags.DEFINE_string(
            "preset", None, "One preset for all files. Default: one for each."
        )
        self._model = flags.DEFINE_string(
            "model", None, "Instead: an exported file, or a model folder."
        )
        self._run_dir = flags.DEFINE_string(
            "run_dir", None, "Instead: a run, a folder that tfsr.train wrote."
        )
        self._param = flags.DEFINE_multi_string(
            "gin_param", [], "A setting to change in the run, such as its steps; may repeat."
        )
        self._allow_import = command.allow_import_flag()
        self._rate = flags.DEFINE_string(
            "rate", rate, "Hz of the outputs; keep: the rate of each input, where that is higher."
        )
        self._format = flags.DEFINE_string(
            "format", None, "Format of the outputs: wav, flac, ogg, ..."
        )
        self._raw = flags.DEFINE_string(
            "raw", None, "Hz, coding and channels of headerless files, such as 8000,ulaw,1."
        )
        self._strict = flags.DEFINE_bool(
            "strict", False, "Refuse unfinished and damaged recordings."
        )
        self._clip = flags.DEFINE_enum(
            "clip",
            "cut",
            ["cut", "rescale"],
            "Too loud outputs: clip them, or scale the whole down.",
        )
        self._subtype = flags.DEFINE_string(
            "subtype", None, "Subtype of outputs: PCM_16, PCM_24, FLOAT, ..."
        )
        self._chunk = flags.DEFINE_float(
            "chunk",
            None,
            f"Seconds that are {participle} together: more is faster and needs more memory.",
            lower_bound=0.01,
        )
        self._seed = flags.DEFINE_integer(
            "seed", 0, "Seed of the noise, if the model uses any.", lower_bound=0
        )
        self._recursive = flags.DEFINE_bool("recursive", True, "Also read subfolders.")

    @property
    def recursive(self) -> bool:
        return self._recursive.value

    @property
    def subtype(self) -> str | None:
        return self._subtype.value

    @property
    def extension(self) -> str | None:
        """Of all outputs, such as ".flac"; None: that of each input."""
        return f".{self._format.value.lower()}" if self._format.value else None

    def check(self) -> None:
        """Refuse flags that contradict each other.

        Raises:
            UserError: it names them.
        """
        if sum(bool(flag.value) for flag in (self._preset, self._model, self._run_dir)) > 1:
            raise UserError(f"{self._verb}: give one of --preset, --model and --run_dir")
        for of_run in self._param, self._allow_import:
            if of_run.value and not self._run_dir.value:
                raise UserError(
                    f"{self._verb}: --{of_run.name} is for a run; give --run_dir DIR too"
                )

    def request(
        self,
        suited: Callable[[float], str] | None,
        threads: int | None,
        skip_existing: bool = False,
        **how: Any,
    ) -> Request:
        """The request that the flags describe.

        Args:
            suited: chooses the preset for a bandwidth in Hz, unless the user names a system. None:
                no system is used.
            threads: CPU threads of LiteRT; None: one for each processor of the machine.
            how: further arguments of `tfsr.inference.file_jobs.Request`.

        Raises:
            UserError: a system is named, and none is used.
        """
        from tfsr.audio_file import parse_raw
        from tfsr.inference.file_jobs import Request

        named = self._run_dir.value or self._model.value or self._preset.value
        if named and suited is None:
            raise UserError(f"{self._verb}: no model is used here; leave out {named}")
        return Request(
            load=Loader(self._param.value, threads, self._allow_import.value),
            system=named or suited,
            raw=parse_raw(self._raw.value) if self._raw.value else None,
            strict=self._strict.value,
            chunk_seconds=self._chunk.value,
            seed=self._seed.value,
            rate=self._output_rate(),
            subtype=self._subtype.value,
            rescale=self._clip.value == "rescale",
            skip_existing=skip_existing,
            **how,
        )

    def _output_rate(self) -> int | Literal["keep"] | None:
        from tfsr.inference.files import KEEP

        if self._rate.value is None:
            return None
        if self._rate.value == KEEP:
            return KEEP
        if not self._rate.value.isdecimal():
            raise UserError(f"--rate {self._rate.value}: give Hz, such as 48000, or {KEEP}")
        return int(self._rate.value)


class BandFlags:
    """The flags of the commands that widen bands. To make one defines them."""

    def __init__(self) -> None:
        self._bandwidth = flags.DEFINE_float(
            "bandwidth",
            None,
            "Highest frequency of the inputs in Hz. Default: measured.",
            lower_bound=300,
        )
        self._keep_low_band = flags.DEFINE_bool(
            "keep_low_band",
            True,
            "Leave the band of the input as it is (restoration changes it anyway).",
        )

    @property
    def how(self) -> dict[str, Any]:
        """Their values, as arguments of `tfsr.inference.file_jobs.Request`."""
        return {"bandwidth_hz": self._bandwidth.value, "keep_low_band": self._keep_low_band.value}


class FileCommand:
    """A command that processes files and folders. To make one defines its flags.

    Args:
        verb: its name.
        participle: of the verb, for messages ("upsampled").
        rate: value of the flag --rate unless the user gives one.
    """

    def __init__(self, verb: str, participle: str, rate: str | None = None):
        self._verb, self._participle = verb, participle
        self._out = flags.DEFINE_string(
            "out",
            None,
            "For one file: its name or a folder. For several: a folder. - is standard output. "
            "Default: beside each input.",
            short_name="o",
        )
        self._how = RequestFlags(verb, participle, rate)
        self._jobs = flags.DEFINE_integer(
            "jobs",
            1,
            "Files at once, or chunks of a long file; each needs memory.",
            lower_bound=1,
        )
        self._batch = flags.DEFINE_integer(
            "batch",
            1,
            "Chunks in one call of the network, for GPUs. Each needs 6 to 20 MB with a preset. "
            "Another number may round outputs otherwise.",
            lower_bound=1,
        )
        self._skip_existing = flags.DEFINE_bool(
            "skip_existing", False, "Skip outputs that already exist."
        )
        self._dry_run = flags.DEFINE_bool(
            "dry_run", False, "Print what would be done, and write nothing."
        )
        self._manifest = command.report_flag("manifest", "A JSON file to record what was done.")

    def run(self, positional: list[str], suited: Callable[[float], str] | None, **how: Any) -> None:
        """Process files and folders.

        Args:
            positional: their names.
            suited: chooses the preset for a bandwidth in Hz, unless the user names a system. None:
                no system is used.
            how: further arguments of `tfsr.inference.file_jobs.Request`.

        Raises:
            UserError: some of them could not be processed, or flags contradict each other.
        """
        if not positional:
            raise UserError(f"{self._verb}: give audio files or folders; --help shows how")
        self._how.check()
        command.quiet_decoders()
        command.share_one_heap()
        from tfsr.lite.interpreter import processors

        threads = max(1, processors() // self._jobs.value)
        request = self._how.request(suited, threads, self._skip_existing.value, **how)
        from tfsr.inference.output_paths import plan
        from tfsr.inference.pipes import PIPE, as_files

        extension = self._how.extension
        # What goes to standard output is the recording alone.
        told = sys.stderr if PIPE in (self._out.value, *positional) else sys.stdout
        with as_files(positional, self._out.value, extension) as files:
            jobs, left = plan(files.inputs, files.output, extension, self._how.recursive)
            self._check(jobs)
            unreadable = _tell_unreadable(left)
            do = self._tell if self._dry_run.value else self._process
            failed = do(request, jobs, left, files.told, told)
            _tell_left(left, told)
            if failed or unreadable:
                raise UserError(self._lacks(failed, len(jobs), unreadable))

    def _check(self, jobs: list) -> None:
        from tfsr import audio_file

        if self._how.subtype:
            for job in jobs:
                audio_file.require_subtype(job.target, self._how.subtype)
        if named := self._manifest.value:
            target = Path(os.path.realpath(named))
            ends = [one for job in jobs for one in (job.source, job.target)]
            files = {Path(os.path.realpath(one)) for one in ends}
            if target in files:
                raise UserError(f"--manifest {named}: is a recording; give another name")
            if any(target in file.parents for file in files):
                raise UserError(f"--manifest {named}: is a folder; give a file name")

    def _tell(self, request, jobs: list, left: list, names, told) -> int:
        """Print what would be done; returns the number of files that fail."""
        self._earlier()
        failed = 0
        for job in jobs:
            if request.skips(job):
                continue
            try:
                for line in _planned(request, job):
                    print(shown(command.as_flags(names(line))), file=told)
            except UserError as error:
                failed += 1
                print(shown(command.as_flags(names(f"tfsr: {error}"))), file=sys.stderr)
        return failed

    def _lacks(self, failed: int, files: int, unreadable: int) -> str:
        lacks = [f"{failed} of {files} files could not be {self._participle}"] if failed else []
        folders = "1 folder" if unreadable == 1 else f"{unreadable} folders"
        return ", ".join([*lacks, *([f"{folders} could not be read"] if unreadable else [])])

    def _earlier(self) -> dict:
        """The entries of an existing manifest, by target; another existing file is refused."""
        from tfsr.inference import manifest

        return manifest.read(self._manifest.value) if self._manifest.value else {}

    def _process(self, request, jobs: list, left: list, names, told) -> int:
        """Returns how many files failed; for a single file it raises instead."""
        from tqdm import tqdm

        from tfsr.inference import manifest
        from tfsr.inference.file_jobs import in_order
        from tfsr.inference.workers import Workers

        earlier = self._earlier()
        if isinstance(request.system, str):
            request.upsampler(request.system)
        records: dict[Path, manifest.Record] = {}
        stopped = threading.Event()

        def one(job):
            upsample = functools.partial(request.upsample, workers=workers)
            return _one(upsample, job, bar, records, names, stopped)

        try:
            with (
                Workers(self._jobs.value, self._batch.value) as workers,
                tqdm(total=len(jobs), unit="file", unit_scale=True, disable=None) as bar,
                contextlib.closing(in_order(jobs, one, self._jobs.value, stopped.set)) as done,
            ):
                for record in done:
                    if record.error and len(jobs) == 1:
                        raise UserError(record.error)
                    stream = sys.stderr if record.error else told
                    bar.write(command.as_flags(str(record)), file=stream)
        finally:
            if self._manifest.value:
                made = [records[job.target] for job in jobs if job.target in records]
                manifest.write(self._manifest.value, made, left, earlier)
        return sum(record.error is not None for record in records.values())


def _planned(request, job) -> list[str]:
    from tfsr.inference.manifest import notes

    with request.open(job) as source:
        plan = request.plan(source, job.source)
        line = f"{job.source} {plan} -> {job.target}"
        return [*(f"{job.source}: {note}" for note in notes(plan)), line]


def _tell_unreadable(left: list) -> int:
    """Name the folders that could not be read; returns their number."""
    unreadable = [one for one in left if one.unreadable]
    for one in unreadable:
        print(shown(f"tfsr: {one.path}: {one.reason}"), file=sys.stderr)
    return len(unreadable)


def _tell_left(left: list, told) -> None:
    """Tell what else the folders hold, by name if it is not much."""
    others = [one for one in left if not one.unreadable]
    for one in others[:_LEFT_TOLD]:
        print(shown(f"left out: {one.path} {one.reason}"), file=told)
    if len(others) > _LEFT_TOLD:
        print(f"left out: {len(others) - _LEFT_TOLD} more, see --manifest", file=told)


def _one(upsample: Callable, job, bar, records: dict, names, stopped: threading.Event):
    """Process one file, store and return its record, and advance the bar by its share."""
    done = 0.0
    ending = Signals(all_wait=False)

    def show(share: float) -> None:
        nonlocal done
        if stopped.is_set():
            raise KeyboardInterrupt
        if share == 1:  # a signal now would leave a complete file without its record
            ending.wait()
        bar.update(share - done)
        done = share

    try:
        records[job.target] = upsample(job, show).told(names)
    finally:
        ending.deliver()
    bar.update(1 - done)
    return records[job.target]
