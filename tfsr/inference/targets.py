"""Where the output of each input file goes."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tfsr import audio_file
from tfsr.errors import UserError

# Their codecs know only some rates, and lose what an upsampler has just added.
_NOT_WRITTEN = (".mp3", ".opus")

# In the names of outputs that lie beside their inputs.
_MARK = ".tfsr"


@dataclasses.dataclass(frozen=True)
class Job:
    """A file to upsample, and the file to make of it."""

    source: Path
    target: Path


def plan(
    inputs: Sequence[str],
    output: str | None = None,
    extension: str | None = None,
    recursive: bool = True,
) -> list[Job]:
    """One job for each file among `inputs` and each audio file below its folders.

    A single file goes to `output` if that is named like an audio file, else into the folder
    `output`. Folders are mirrored below it: relative paths and extensions are kept, but MP3 and
    Opus become .wav, and so does what has no audio file's extension. With no `output`, each file
    goes beside its input: of call.wav becomes call.tfsr.wav. What is named so is left out of
    folders.

    Args:
        extension: such as ".flac", of all outputs; None for each input's.
        recursive: whether the folders of folders are read too.

    Raises:
        UserError: an input is missing, a folder has no audio, `output` would overwrite an input,
            two inputs would become one file, or `output` has another extension.
    """
    if extension is not None and extension not in audio_file.EXTENSIONS:
        known = " ".join(known[1:] for known in audio_file.EXTENSIONS)
        raise UserError(f"--format {extension[1:]}: there are {known}")
    out = None if output is None else Path(output)
    if out and len(inputs) == 1 and Path(inputs[0]).is_file() and _has_audio_extension(out):
        if extension not in (None, out.suffix.lower()):
            raise UserError(f"{out}: is not named {extension}, which --format wants; leave one out")
        jobs = [Job(Path(inputs[0]), out)]
    else:
        naming = _Naming(out, extension)
        jobs = [job for name in inputs for job in naming.jobs(Path(name), recursive)]
    _refuse_overwriting(jobs)
    return jobs


@dataclasses.dataclass(frozen=True)
class _Naming:
    """How outputs are called; see `plan`."""

    out: Path | None
    extension: str | None

    def jobs(self, path: Path, recursive: bool) -> list[Job]:
        if path.is_file():
            return [Job(path, self._target(path, path.parent))]
        if not path.is_dir():
            raise UserError(f"{path}: no such file or folder")
        found = [
            source
            for source in audio_file.find(path, recursive)
            if not _is_earlier_output(source, self.out, path)
        ]
        if not found:
            raise UserError(f"{path}: no audio files in it")
        return [Job(source, self._target(source, path)) for source in found]

    def _target(self, source: Path, folder: Path) -> Path:
        if self.out is not None:
            return self._written(self.out / source.relative_to(folder))
        target = self._written(source)
        return target.with_name(f"{target.stem}{_MARK}{target.suffix}")

    def _written(self, target: Path) -> Path:
        """`target` with an extension that is wanted, or at least can be written."""
        if not _has_audio_extension(target):
            return target.with_name(f"{target.name}{self.extension or '.wav'}")
        if self.extension or target.suffix.lower() in _NOT_WRITTEN:
            return target.with_suffix(self.extension or ".wav")
        return target


def _is_earlier_output(source: Path, out: Path | None, folder: Path) -> bool:
    """Whether `source` is named so, or the output lies in the input folder, and `source` there."""
    if source.stem.endswith(_MARK):
        return True
    if out is None:
        return False
    inside = out.resolve() != folder.resolve() and out.resolve().is_relative_to(folder.resolve())
    return inside and source.resolve().is_relative_to(out.resolve())


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
