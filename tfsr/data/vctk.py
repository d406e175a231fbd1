"""VCTK, both public releases, with the splits of the publications.

Version 0.80 (`wav48/p225/p225_001.wav`) has the splits of Kuleshov et al. 2017, from the file lists
of their code. Version 0.92 (`wav48_silence_trimmed/p225/p225_001_mic1.flac`) has those of Lee and
Han 2021 (NU-Wave): one microphone, without the speakers p280 and p315.

Both publications validate on their test recordings during training, and so do these splits:
validation is the same list as test. So the training set has the published size.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tfsr.data.recordings import (
    Corpus,
    Recording,
    file_recordings,
    usable,
    without_microphone,
)
from tfsr.errors import UserError

SINGLE_SPEAKER = "p225"
SINGLE_TEST_080 = ("355", "356", "357", "358", "359", "363", "365", "366")
SINGLE_TEST_FILES_092 = 8
MULTI_TEST_080 = ("p347", "p351", "p360", "p361", "p362", "p363", "p364", "p374", "p376")
MULTI_TEST_092 = ("p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5")
LEFT_OUT_092 = ("p280", "p315")

_AUDIO_FOLDERS = ("wav48_silence_trimmed", "wav48")
_FILE_NAME = re.compile(r"^(p\d{3}|s5)_(\d{3})(_mic\d)?\.(wav|flac)$")


def is_vctk(path: str | os.PathLike) -> bool:
    """Whether a folder is a VCTK download (or its folder of speakers): one with p225's files."""
    speaker = _audio_folder(Path(path)) / SINGLE_SPEAKER
    return speaker.is_dir() and any(_FILE_NAME.match(file.name) for file in speaker.iterdir())


class Vctk(Corpus):
    """A VCTK download. The file names tell the release.

    Single speaker is p225: 223 utterances for training and the last 8 for test. Multi-speaker has
    100 speakers for training. For test it has those that the papers list, 9 (0.80) or 8 (0.92).

    Args:
        root: the unpacked download, or its folder of speakers.
        setup: "single" or "multi".
        microphone: "mic1" or "mic2"; release 0.80 has one only.
    """

    _root: Path

    def __init__(self, root: str | os.PathLike, setup: str = "single", microphone: str = "mic1"):
        if setup not in ("single", "multi"):
            raise UserError(f"Vctk.setup is {setup!r}; choose 'single' or 'multi'")
        if microphone not in ("mic1", "mic2"):
            raise UserError(f"Vctk.microphone is {microphone!r}; choose 'mic1' or 'mic2'")
        if root is None:
            raise UserError("Vctk.root is not set: give the download as --data VCTK-Corpus")
        self._root = Path(root)
        self._single = setup == "single"
        self._microphone = microphone
        self.name = f"VCTK {setup}-speaker"

    def _scan(self) -> tuple[list[Recording], list[tuple[str, str]]]:
        folder = _audio_folder(self._root)
        if not folder.is_dir():
            raise UserError(f"{self._root}: no such folder")
        by_speaker = self._files(folder)
        sides = self._test_and_train(by_speaker)
        if not all(sides.values()):
            lacking = " and ".join(side for side, paths in sides.items() if not paths)
            raise UserError(f"{self._root}: no recordings of {self.name} to {lacking} with")
        headers, skipped = usable(folder, sides["train"] + sides["test"])
        return list(file_recordings(folder, headers, _placed(headers, sides))), skipped

    def _files(self, folder: Path) -> dict[str, list[Path]]:
        speakers = [folder / SINGLE_SPEAKER] if self._single else sorted(folder.iterdir())
        return {
            speaker.name: sorted(path for path in speaker.iterdir() if self._wanted(path.name))
            for speaker in speakers
            if speaker.is_dir()
        }

    def _wanted(self, file_name: str) -> bool:
        match = _FILE_NAME.match(file_name)
        return match is not None and match[3] in (None, f"_{self._microphone}")

    def _test_and_train(self, by_speaker: dict[str, list[Path]]) -> dict[str, list[Path]]:
        files = [path for paths in by_speaker.values() for path in paths]
        newer = any(path.stem != without_microphone(path.stem) for path in files)
        if self._single and newer:
            test = files[-SINGLE_TEST_FILES_092:]
        elif self._single:
            test = [path for path in files if path.stem.split("_")[1] in SINGLE_TEST_080]
        else:
            test_speakers = MULTI_TEST_092 if newer else MULTI_TEST_080
            left_out = LEFT_OUT_092 if newer else ()
            files = [path for path in files if path.parent.name not in left_out]
            test = [path for path in files if path.parent.name in test_speakers]
        held_out = set(test)
        return {"train": [path for path in files if path not in held_out], "test": test}


def _placed(headers: dict, sides: dict[str, list[Path]]) -> Iterator[tuple[Path, str, str]]:
    for side, splits in (("train", ("train",)), ("test", ("validation", "test"))):
        for path in sides[side]:
            if path in headers:
                yield from ((path, path.parent.name, split) for split in splits)


def _audio_folder(root: Path) -> Path:
    for name in _AUDIO_FOLDERS:
        if (root / name).is_dir():
            return root / name
    return root
