"""Widen the band of recordings.

    python -m tfsr.upsample call.wav                       # writes call.tfsr.wav beside it
    python -m tfsr.upsample tapes/ more/x.flac -o wide/    # folders are mirrored
    python -m tfsr.upsample old.wav -o new.wav --run_dir runs/quickstart
    python -m tfsr.upsample old.wav --model exported.tflite   # without TensorFlow
    python -m tfsr.upsample - < call.wav > wide.wav

It takes files of any rate, length and number of channels. The band of each file is measured,
whatever its rate, and a preset that suits it is chosen; or give a trained run. The band that a
recording already has stays as it is.
"""

import contextlib
import os
import sys
import threading
from pathlib import Path

from absl import flags

from tfsr import command
from tfsr.errors import UserError
from tfsr.names import shown

_OUT = flags.DEFINE_string(
    "out",
    None,
    "For one file: its name or a folder. For several: a folder. - is standard output. Default: "
    "beside each input.",
    short_name="o",
)
_PRESET = flags.DEFINE_string("preset", None, "One preset for all files. Default: one for each.")
_MODEL = flags.DEFINE_string("model", None, "Instead: an exported file, or a model folder.")
_RUN_DIR = flags.DEFINE_string("run_dir", None, "Instead: a run, a folder that tfsr.train wrote.")
_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A setting to change in the run, such as its steps; may repeat."
)
_ALLOW_IMPORT = command.allow_import_flag()
_BANDWIDTH = flags.DEFINE_float(
    "bandwidth", None, "Highest frequency of the inputs in Hz. Default: measured.", lower_bound=300
)
_KEEP_LOW_BAND = flags.DEFINE_bool(
    "keep_low_band", True, "Leave the band of the input as it is (restoration changes it anyway)."
)
_RATE = flags.DEFINE_string(
    "rate", None, "Hz of the outputs; keep: the rate of each input, where that is higher."
)
_FORMAT = flags.DEFINE_string("format", None, "Format of the outputs: wav, flac, ogg, ...")
_RAW = flags.DEFINE_string(
    "raw", None, "Hz, coding and channels of headerless files, such as 8000,ulaw,1."
)
_STRICT = flags.DEFINE_bool("strict", False, "Refuse unfinished and damaged recordings.")
_CLIP = flags.DEFINE_enum(
    "clip", "cut", ["cut", "rescale"], "Too loud outputs: clip them, or scale the whole down."
)
_SUBTYPE = flags.DEFINE_string("subtype", None, "Subtype of outputs: PCM_16, PCM_24, FLOAT, ...")
_CHUNK = flags.DEFINE_float(
    "chunk",
    None,
    "Seconds that are upsampled together: more is faster and needs more memory.",
    lower_bound=0.01,
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the noise, if the run uses any.", lower_bound=0)
_JOBS = flags.DEFINE_integer("jobs", 1, "Files at once; each needs memory.", lower_bound=1)
_RECURSIVE = flags.DEFINE_bool("recursive", True, "Also read subfolders.")
_SKIP_EXISTING = flags.DEFINE_bool("skip_existing", False, "Skip outputs that already exist.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what would be done, and write nothing.")
_MANIFEST = command.report_flag("manifest", "A JSON file to record what was done.")

# So many files that are left out of folders are named.
_LEFT_TOLD = 20


def main(positional: list[str]) -> None:
    if not positional:
        raise UserError("upsample: give audio files or folders; --help shows how")
    if sum(bool(flag.value) for flag in (_PRESET, _MODEL, _RUN_DIR)) > 1:
        raise UserError("upsample: give one of --preset, --model and --run_dir")
    for of_run in _PARAM, _ALLOW_IMPORT:
        if of_run.value and not _RUN_DIR.value:
            raise UserError(f"upsample: --{of_run.name} is for a run; give --run_dir DIR too")
    command.quiet_decoders()
    command.share_one_heap()
    request = _request()
    from tfsr.inference.output_paths import plan
    from tfsr.inference.pipes import PIPE, as_files

    extension = f".{_FORMAT.value.lower()}" if _FORMAT.value else None
    # What goes to standard output is the recording alone.
    told = sys.stderr if PIPE in (_OUT.value, *positional) else sys.stdout
    with as_files(positional, _OUT.value, extension) as files:
        jobs, left = plan(files.inputs, files.output, extension, _RECURSIVE.value)
        _check(jobs)
        unreadable = _tell_unreadable(left)
        do = _tell if _DRY_RUN.value else _upsample
        failed = do(request, jobs, left, files.told, told)
        _tell_left(left, told)
        if failed or unreadable:
            raise UserError(_lacks(failed, len(jobs), unreadable))


def _check(jobs: list) -> None:
    from tfsr import audio_file

    if _SUBTYPE.value:
        for job in jobs:
            audio_file.require_subtype(job.target, _SUBTYPE.value)
    if _MANIFEST.value:
        target = Path(os.path.realpath(_MANIFEST.value))
        files = {Path(os.path.realpath(path)) for job in jobs for path in (job.source, job.target)}
        if target in files:
            raise UserError(f"--manifest {_MANIFEST.value}: is a recording; give another name")
        if any(target in file.parents for file in files):
            raise UserError(f"--manifest {_MANIFEST.value}: is a folder; give a file name")


def _request():
    from tfsr import presets
    from tfsr.audio_file import parse_raw
    from tfsr.inference.file_jobs import Request

    return Request(
        load=_backend,
        system=_RUN_DIR.value or _MODEL.value or _PRESET.value or presets.suited,
        bandwidth_hz=_BANDWIDTH.value,
        keep_low_band=_KEEP_LOW_BAND.value,
        raw=parse_raw(_RAW.value) if _RAW.value else None,
        strict=_STRICT.value,
        chunk_seconds=_CHUNK.value,
        seed=_SEED.value,
        rate=_rate(),
        subtype=_SUBTYPE.value,
        rescale=_CLIP.value == "rescale",
        skip_existing=_SKIP_EXISTING.value,
    )


def _rate() -> int | str | None:
    from tfsr.inference.files import KEEP

    if _RATE.value in (None, KEEP):
        return _RATE.value
    if not _RATE.value.isdecimal():
        raise UserError(f"--rate {_RATE.value}: give Hz, such as 48000, or {KEEP}")
    return int(_RATE.value)


def _backend(system: str):
    """The backend of a preset, an exported file, a folder or a run."""
    from tfsr.lite.interpreter import processors
    from tfsr.loading import load

    threads = max(1, processors() // _JOBS.value)
    backend = load(system, _PARAM.value, threads, _ALLOW_IMPORT.value).backend
    command.return_free_memory()
    return backend


def _tell(request, jobs: list, left: list, names, told) -> int:
    """Print what would be done; returns the number of files that fail."""
    _earlier()
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


def _planned(request, job) -> list[str]:
    from tfsr.inference.manifest import notes

    with request.open(job) as source:
        plan = request.plan(source, job.source)
        line = f"{job.source} {plan} -> {job.target}"
        return [*(f"{job.source}: {note}" for note in notes(plan)), line]


def _lacks(failed: int, files: int, unreadable: int) -> str:
    lacks = [f"{failed} of {files} files could not be upsampled"] if failed else []
    folders = "1 folder" if unreadable == 1 else f"{unreadable} folders"
    return ", ".join([*lacks, *([f"{folders} could not be read"] if unreadable else [])])


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


def _earlier() -> dict:
    """The entries of an existing manifest, by target; another existing file is refused."""
    from tfsr.inference import manifest

    return manifest.read(_MANIFEST.value) if _MANIFEST.value else {}


def _upsample(request, jobs: list, left: list, names, told) -> int:
    """Returns how many files failed; for a single file it raises instead."""
    from tqdm import tqdm

    from tfsr.inference import manifest
    from tfsr.inference.file_jobs import in_order

    earlier = _earlier()
    if isinstance(request.system, str):
        request.upsampler(request.system)
    records: dict[Path, manifest.Record] = {}
    stopped = threading.Event()

    def one(job):
        return _one(request, job, bar, records, names, stopped)

    try:
        with (
            tqdm(total=len(jobs), unit="file", unit_scale=True, disable=None) as bar,
            contextlib.closing(in_order(jobs, one, _JOBS.value, stopped.set)) as done,
        ):
            for record in done:
                if record.error and len(jobs) == 1:
                    raise UserError(record.error)
                bar.write(command.as_flags(str(record)), file=sys.stderr if record.error else told)
    finally:
        if _MANIFEST.value:
            made = [records[job.target] for job in jobs if job.target in records]
            manifest.write(_MANIFEST.value, made, left, earlier)
    return sum(record.error is not None for record in records.values())


def _one(request, job, bar, records: dict, names, stopped: threading.Event):
    """Upsample one file, store and return its record, and advance the bar by its share."""
    done = 0.0

    def show(share: float) -> None:
        nonlocal done
        if stopped.is_set():
            raise KeyboardInterrupt
        bar.update(share - done)
        done = share

    records[job.target] = request.upsample(job, show).told(names)
    show(1.0)
    return records[job.target]


if __name__ == "__main__":
    command.run(main)
