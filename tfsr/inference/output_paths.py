"""Choose the output path of each input file."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from tfsr import audio_file
from tfsr.audio_file import EXTENSIONS, WRITTEN, Left
from tfsr.errors import UserError
from tfsr.names import fitting

# Their codecs know only some rates, or lose what an upsampler has just added: only if asked for.
_NOT_KEPT = (".mp3", ".opus", ".m4a", ".mp4")

# In the names of outputs that lie beside their inputs.
MARK = ".tfsr"


@dataclasses.dataclass(frozen=True)
class Job:
    """A file to upsample, and its output file."""

    source: Path
    target: Path


def plan(
    inputs: Sequence[str],
    output: str | None = None,
    extension: str | None = None,
    recursive: bool = True,
) -> tuple[list[Job], list[Left]]:
    """One job for each file among `inputs` and each audio file below its folders.

    The output of a single file is `output` if that is named like an audio file. Otherwise it goes
    into the folder `output`. Folders are mirrored below it, with relative paths and extensions. An
    extension becomes .wav if its format cannot be written. MP3, Opus and M4A also become .wav,
    unless they are asked for. Without `output`, each file goes beside its input: call.wav gives
    call.tfsr.wav. Files with such names are left out of folders. Two outputs may get one name. Then
    those whose extension differs from the input's keep both: a.wav and a.mp3 give a.wav and
    a.mp3.wav.

    Args:
        extension: such as ".flac", of all outputs; None: that of each input.
        recursive: whether sub-folders are read too.

    Returns:
        The jobs, and the other files in the folders.

    Raises:
        UserError: an input is missing, or a folder has no audio. Or `output` would overwrite an
            input, or has an extension that is not written. Or two inputs would become one file.
    """
    out = None if output is None else Path(output)
    naming = Naming(out, extension)
    if out and len(inputs) == 1 and _is_file(Path(inputs[0])) and _names_a_file(out):
        if extension not in (None, out.suffix.lower()):
            raise UserError(
                f"{out}: is not named {extension}, as --format says; leave out the name or --format"
            )
        jobs, left = [Job(Path(inputs[0]), out)], []
    else:
        found = [naming.found(Path(name), recursive) for name in inputs]
        left = [one for _, _, others in found for one in others]
        jobs = naming.jobs([(path, folder) for paths, folder, _ in found for path in paths])
    _refuse_overwriting(jobs)
    return jobs, left


def _names_a_file(out: Path) -> bool:
    """Whether a path is named like a file that can be written.

    Raises:
        UserError: it is named like an audio file that cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix in EXTENSIONS and suffix not in WRITTEN and not os.path.isdir(out):
        known = " ".join(WRITTEN)
        raise UserError(f"{out}: there is no encoder for {suffix}; name it one of {known}")
    return suffix in WRITTEN


@dataclasses.dataclass(frozen=True)
class Naming:
    """The rules for names of outputs; see `plan`.

    Attributes:
        out: folder of the outputs; None: each lies beside its input.
        extension: of all outputs; None: that of each input.
    """

    out: Path | None
    extension: str | None

    def __post_init__(self):
        if self.extension is not None and self.extension not in WRITTEN:
            known = " ".join(known[1:] for known in WRITTEN)
            raise UserError(f"--format {self.extension[1:]}: is unknown; known ones are {known}")

    def found(self, path: Path, recursive: bool) -> tuple[list[Path], Path, list[Left]]:
        """The recordings of an input, the folder to mirror, and other files in it."""
        if _is_file(path):
            return [path], path.parent, []
        if not os.path.isdir(path):
            raise UserError(f"{path}: no such file or folder")
        paths, left = audio_file.search(path, recursive)
        earlier = {one for one in paths if _is_earlier_output(one, self.out, path)}
        left += [Left(one, "was written before") for one in sorted(earlier)]
        paths = [one for one in paths if one not in earlier]
        if self.out is None:
            paths, again = _once(paths)
            left += again
        if not paths:
            left.sort(key=lambda one: not one.unreadable)
            others = f" ({left[0].path} {left[0].reason})" if left else ""
            raise UserError(f"{path}: no audio files in it{others}")
        return paths, path, left

    def jobs(self, sources: Sequence[tuple[Path, Path]]) -> list[Job]:
        """A job for each pair of a source and the folder that it is mirrored from."""
        targets = [self._target(source, folder, source.stem) for source, folder in sources]
        for group in _clashing(sources, targets):
            for place in group:
                source, folder = sources[place]
                if targets[place].suffix != source.suffix:
                    targets[place] = self._target(source, folder, source.name)
        for group in _clashing(sources, targets):
            group.sort(key=lambda place: targets[place].suffix != sources[place][0].suffix)
            for number, place in enumerate(group[1:], 1):
                source, folder = sources[place]
                targets[place] = self._target(source, folder, source.name, f".{number}")
        pairs = zip(sources, targets, strict=True)
        return [Job(source, target) for (source, _), target in pairs]

    def _target(self, source: Path, folder: Path, stem: str, number: str = "") -> Path:
        beside = source if self.out is None else self.out / source.relative_to(folder)
        suffix = source.suffix if _has_audio_extension(source) else ""
        extension = self.extension or (suffix if _is_kept(suffix) else ".wav")
        mark = MARK if self.out is None else ""
        whole = stem if suffix else source.name
        return beside.with_name(fitting(whole, f"{number}{mark}{extension}"))


def _once(paths: Sequence[Path]) -> tuple[list[Path], list[Left]]:
    """Paths without repeated files by links, which would be written to the same place again."""
    first: dict[Path, Path] = {}
    for path in paths:
        first.setdefault(_real(path), path)
    again = [Left(path, f"is {first[_real(path)]} again") for path in paths]
    kept = list(first.values())
    return kept, [one for one in again if one.path not in kept]


def _clashing(sources: Sequence[tuple[Path, Path]], targets: Sequence[Path]) -> list[list[int]]:
    """Groups of sources that share a target, if all of their names differ."""
    places: dict[Path, list[int]] = {}
    for place, target in enumerate(targets):
        places.setdefault(target, []).append(place)
    shared = [group for group in places.values() if len(group) > 1]
    return [group for group in shared if len({sources[one][0].name for one in group}) == len(group)]


def _is_kept(suffix: str) -> bool:
    return suffix.lower() in WRITTEN and suffix.lower() not in _NOT_KEPT


def _is_file(path: Path) -> bool:
    """Whether it is a file, a pipe or a device."""
    # Unlike the methods of a path, these say no of a name that is too long.
    return os.path.exists(path) and not os.path.isdir(path)


def _is_earlier_output(source: Path, out: Path | None, folder: Path) -> bool:
    """Whether `source` is named like an output, or is in an output folder inside the input."""
    if source.stem.endswith(MARK):
        return True
    if out is None:
        return False
    inside = _real(out) != _real(folder) and _real(out).is_relative_to(_real(folder))
    return inside and _real(source).is_relative_to(_real(out))


def _real(path: Path) -> Path:
    """The path without links; `Path.resolve` fails on circular links."""
    return Path(os.path.realpath(path))


def _has_audio_extension(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS


def _refuse_overwriting(jobs: Sequence[Job]) -> None:
    sources = {_real(job.source) for job in jobs}
    makers: dict[Path, Path] = {}
    for job in jobs:
        target = _real(job.target)
        if target in sources:
            raise UserError(f"{job.target}: is an input and would be overwritten; choose another")
        if target in makers:
            raise UserError(
                f"{makers[target]} and {job.source} would both become {job.target}: "
                "upsample them one after the other, into two folders"
            )
        makers[target] = job.source
