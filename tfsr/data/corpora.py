"""Any folder of audio as a corpus, and the function that recognises the kind of a corpus."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from tfsr import audio_file
from tfsr.data.bundled import Bundled
from tfsr.data.prepared import MANIFEST, Prepared
from tfsr.data.recordings import (
    SPLITS,
    Corpus,
    Recording,
    file_recordings,
    usable,
    without_microphone,
)
from tfsr.data.splits import split_groups
from tfsr.data.vctk import Vctk, is_vctk
from tfsr.errors import UserError

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "eval": "test",
}


def corpus(
    path: str | os.PathLike | Sequence[str | os.PathLike] | None = None, by: str = "utterance"
) -> Corpus:
    """The corpus at `path`: prepared shards, a VCTK download, else any folder of audio.

    None is the bundled corpus; several paths make one corpus of all of them. If a path does not
    exist, the error comes only when its recordings are asked for. So a trained upsampler can be
    used where its corpus is missing.

    Args:
        by: the unit that is held out of folders of audio, "utterance" or "speaker", see `Folder`.
    """
    if path is None:
        return Bundled()
    if not isinstance(path, str | os.PathLike):
        return Several([corpus(one, by) for one in path])
    if (Path(path) / MANIFEST).is_file():
        return Prepared(path)
    if is_vctk(path):
        return Vctk(path)
    return Folder(path, by=by)


class Several(Corpus):
    """Several corpora as one; each keeps its own splits. Speakers of one name are one speaker.

    Args:
        corpora: with different names.
    """

    def __init__(self, corpora: Sequence[Corpus]):
        self._corpora = corpora
        self.name = " + ".join(one.name for one in corpora)

    @property
    def sources(self) -> list[dict[str, str]]:
        return [source for one in self._corpora for source in one.sources]

    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        recordings, skipped = [], []
        for one in self._corpora:
            for recording in one.all_recordings:
                named = f"{one.name}/{recording.name}"
                recordings.append(dataclasses.replace(recording, name=named))
            skipped += [(f"{one.name}/{name}", why) for name, why in one.skipped]
        return recordings, skipped


class Folder(Corpus):
    """All audio files below a folder.

    If every file is in a sub-folder named train, validation (valid, val, dev) or test (eval), these
    are the splits. A missing one of them is held out of train. Otherwise groups are held out:

    * by "utterance": files of one name are one group, whatever their folder and microphone
      (`a/p225_001_mic1.flac` and `b/p225_001_mic2.wav`);
    * by "speaker": files of one top-level folder are one group.

    Args:
        path: the folder.
        held_out: share of the groups kept out of training, half of it test and half validation.
            With three groups or more, each split has at least one; with fewer, nothing is held
            out.
        by: "utterance" or "speaker".
    """

    _root: Path

    def __init__(self, path: str | os.PathLike, held_out: float = 0.1, by: str = "utterance"):
        if by not in ("utterance", "speaker"):
            raise UserError(f"Folder.by is {by!r}; choose 'utterance' or 'speaker'")
        if not 0 <= held_out < 1:
            raise UserError(f"Folder.held_out is {held_out}; it must be at least 0 and below 1")
        if path is None:
            raise UserError("Folder.path is not set: give the folder as --data FOLDER")
        self._root = Path(path)
        self._held_out = held_out
        self._by = by
        self.name = self._root.resolve().name

    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        headers, skipped = usable(self._root, audio_file.find(self._root))
        named = {path: split for path in headers if (split := self._named_split(path))}
        below_split = len(named) == len(headers) and "train" in named.values()
        if below_split:
            splits = self._fill_missing(named)
        else:
            splits = self._hold_out(list(headers), ("test", "validation"))
        placed = [(path, self._speaker(path, below_split), splits[path]) for path in headers]
        return list(file_recordings(self._root, headers, placed)), skipped

    def _fill_missing(self, named: dict[Path, str]) -> dict[Path, str]:
        missing = [split for split in reversed(SPLITS) if split not in named.values()]
        train = [path for path, split in named.items() if split == "train"]
        return named | (self._hold_out(train, missing) if missing else {})

    def _hold_out(self, paths: list[Path], splits: Sequence[str]) -> dict[Path, str]:
        groups = {path: self._group(path) for path in paths}
        split_of = split_groups(groups.values(), self._held_out, splits)
        return {path: split_of[group] for path, group in groups.items()}

    def _named_split(self, path: Path) -> str | None:
        folders = path.relative_to(self._root).parts[:-1]
        return _SPLIT_FOLDERS.get(folders[0].lower()) if folders else None

    def _group(self, path: Path) -> str:
        if self._by == "utterance":
            return without_microphone(path.stem)
        return self._speaker(path, self._named_split(path) is not None)

    def _speaker(self, path: Path, below_split: bool) -> str:
        folders = path.relative_to(self._root).parts[below_split:-1]
        return folders[0] if folders else self.name
