"""Where the output of each input file goes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tfsr import audio_file
from tfsr.errors import UserError

# Their codecs know only some rates, and lose what an upsampler has just added.
_NOT_WRITTEN = (".mp3", ".opus")


@dataclasses.dataclass(frozen=True)
class Job:
    """A file to upsample, and the file to make of it."""

    source: Path
    target: Path


def plan(inputs: Sequence[str], output: str) -> list[Job]:
    """One job for each file among `inputs` and each audio file below its folders.

    A single file goes to `output` if that is named like an audio file, else into the folder
    `output`. Folders are mirrored below it: relative paths and extensions are kept, but MP3 and
    Opus become .wav, and so does what has no audio file's extension.

    Raises:
        UserError: an input is missing, a folder has no audio, `output` would overwrite an input,
            or two inputs would become one file.
    """
    out = Path(output)
    if len(inputs) == 1 and Path(inputs[0]).is_file() and _has_audio_extension(out):
        jobs = [Job(Path(inputs[0]), out)]
    else:
        jobs = [job for name in inputs for job in _jobs(Path(name), out)]
    _refuse_overwriting(jobs)
    return jobs


def _jobs(path: Path, out: Path) -> list[Job]:
    if path.is_file():
        return [Job(path, _written(out / path.name))]
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder")
    found = [
        source for source in audio_file.find(path) if not _is_earlier_output(source, out, path)
    ]
    if not found:
        raise UserError(f"{path}: no audio files in it")
    return [Job(source, _written(out / source.relative_to(path))) for source in found]


def _is_earlier_output(source: Path, out: Path, folder: Path) -> bool:
    """Whether the output lies inside the input folder, and `source` in the output."""
    inside = out.resolve() != folder.resolve() and out.resolve().is_relative_to(folder.resolve())
    return inside and source.resolve().is_relative_to(out.resolve())


def _written(target: Path) -> Path:
    """`target` with an extension that can be written."""
    if not _has_audio_extension(target):
        return target.with_name(f"{target.name}.wav")
    return target.with_suffix(".wav") if target.suffix.lower() in _NOT_WRITTEN else target


def _has_audio_extension(path: Path) -> bool:
    return path.suffix.lower() in audio_file.EXTENSIONS


def _refuse_overwriting(jobs: Sequence[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    makers: dict[Path, Path] = {}
    for job in jobs:
        target = job.target.resolve()
        if target in sources:
            raise UserError(f"{job.target}: is an input and would be overwritten; give another -o")
        if target in makers:
            raise UserError(
                f"{makers[target]} and {job.source} would both become {job.target}: "
                "upsample them one after the other, into two folders"
            )
        makers[target] = job.source
