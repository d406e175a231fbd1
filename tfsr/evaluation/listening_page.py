"""Blind listening tests, one page each; the page draws the order and saves the answers.

Neither the page nor its source shows which system made a sound. Sounds have random ids, and the key
from ids to names is encoded. The page decodes it when it saves the results. Somebody who really
wants to find out can.
"""

import base64
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfsr.degradation.lowpass import Chebyshev
from tfsr.errors import UserError
from tfsr.evaluation.aligned_pairs import read_together
from tfsr.evaluation.page import document, json_element, sound_url, text_of
from tfsr.evaluation.test_set import by_stem

REFERENCE = "reference"

# Flat to 0.1 dB, at least 25 dB down a seventh above its edge and 50 dB two sevenths above it, as
# BS.1534-3 wants the anchor of 3.5 kHz to be.
_ANCHOR_FILTER = Chebyshev(order=9, edge=1.0)

_TITLES = {
    "mushra": "How good is the quality?",
    "abx": "Which one is X?",
    "ab": "Which one do you prefer?",
}

Sounds = Mapping[str, np.ndarray]
"""Sounds of one recording: system -> signal [time]; the reference, anchors and systems."""


@dataclasses.dataclass(frozen=True)
class ListeningTest:
    """The material of a listening test, and its kind.

    Args:
        reference: folder of the originals; each gives one trial or several.
        systems: name -> folder that has a file of the same name for each original; see
            `read_together` for how files are fitted to it.
        kind: "mushra" (ITU-R BS.1534) rates all systems, hidden reference and anchors of a
            recording from 0 to 100. "abx" asks for each system: is X the system or the original?
            "ab" asks for each pair of systems which one is preferred, beside the original.
        anchors: bandwidths of the limited reference in Hz, for "mushra".
        level: "none" leaves all as it is. "rms" scales each sound to the RMS of its original. If
            one would then be clipped, all sounds of the recording are scaled down together.
        no_preference: whether "ab" may be answered with no preference.
        seed: of ids and orders.
    """

    reference: Path
    systems: Mapping[str, Path]
    kind: Literal["mushra", "abx", "ab"] = "mushra"
    anchors: tuple[float, ...] = (3500.0,)
    level: Literal["none", "rms"] = "none"
    no_preference: bool = False
    seed: int = 0

    def recordings(self) -> Iterator[tuple[str, int, Sounds]]:
        """Name, rate in Hz and sounds of each original.

        Raises:
            UserError: a system lacks a file, files cannot be read together, or an anchor is no
                narrower than its original.
        """
        found = {name: by_stem(Path(folder)) for name, folder in self.systems.items()}
        for stem, original in by_stem(Path(self.reference)).items():
            for name, files in found.items():
                if stem not in files:
                    raise UserError(
                        f"{self.systems[name]}: has no {stem}, which is in the reference folder"
                    )
            paths = [original.path, *(files[stem].path for files in found.values())]
            signals = [sound.waveform for sound in read_together(paths)]
            sounds = dict(zip([REFERENCE, *found], signals, strict=True))
            if self.kind == "mushra":
                sounds |= _anchors(stem, signals[0], original.rate, self.anchors)
            yield stem, original.rate, _levelled(sounds) if self.level == "rms" else sounds


def check(test: ListeningTest) -> None:
    """Raise UserError if the systems' names or number, or the settings, do not fit the kind."""
    if not test.systems:
        raise UserError("a listening test needs a system: give NAME=FOLDER")
    for name in test.systems:
        if name == REFERENCE or name.startswith("anchor") or "|" in name or not name:
            raise UserError(
                f"system {name!r}: choose another name, without |; this one is reserved"
            )
    if test.no_preference and test.kind != "ab":
        raise UserError("--no_preference is for ab only: leave it out")
    if test.kind == "ab" and len(test.systems) < 2:
        raise UserError("ab compares systems with each other: give two or more")


def page(test: ListeningTest) -> str:
    """The text of the page; it needs no other file.

    Raises:
        UserError: see `check` and `ListeningTest.recordings`.
    """
    check(test)
    body = text_of("listen.html").replace("<!-- transport -->\n", text_of("transport.html"))
    data = {"kind": test.kind, "seed": test.seed, "noPreference": test.no_preference}
    return document(
        _TITLES[test.kind],
        json_element("test", data | _trials(test)) + body,
        styles=("player.css", "listen.css"),
        scripts=("player.js", "listen.js"),
    )


def _trials(test: ListeningTest) -> dict[str, Any]:
    """The trials, whose sounds have random ids, and the key from ids to names."""
    random, key, trials = np.random.default_rng(test.seed), {}, []

    def drawn_id(name: str) -> str:
        drawn = random.bytes(6).hex()
        key[drawn] = name
        return drawn

    for stem, rate, sounds in test.recordings():
        urls = {name: sound_url(sound, rate) for name, sound in sounds.items()}
        for names in _stimuli(test):
            stimuli = [{"id": drawn_id(name), "sound": urls[name]} for name in names or urls]
            random.shuffle(stimuli)  # type: ignore[arg-type]  # NumPy's stub knows no lists
            hidden = {} if test.kind == "abx" else {"reference": urls[REFERENCE]}
            trials.append({"id": drawn_id(stem), "stimuli": stimuli} | hidden)
    random.shuffle(trials)  # type: ignore[arg-type]  # likewise
    systems = base64.b64encode(json.dumps(key).encode()).decode()
    return {"trials": trials, "key": systems}


def _stimuli(test: ListeningTest) -> list[tuple[str, ...] | None]:
    """The systems compared within each trial of a recording; None: all."""
    if test.kind == "mushra":
        return [None]
    if test.kind == "abx":
        return [(name, REFERENCE) for name in test.systems]
    return list(itertools.combinations(test.systems, 2))


def _anchors(stem: str, reference: np.ndarray, rate: int, edges: tuple[float, ...]) -> Sounds:
    for edge in edges:
        if 2 * edge >= rate:
            raise UserError(f"{stem}: has nothing above an anchor of {edge:g} Hz at {rate} Hz")
    return {
        f"anchor {edge:g} Hz": _ANCHOR_FILTER(reference, rate, round(2 * edge)) for edge in edges
    }


def _levelled(sounds: Sounds) -> Sounds:
    """The sounds, scaled to the root mean square of the reference; silence stays silence."""
    wanted = _rms(sounds[REFERENCE])
    scaled = {name: sound * wanted / (_rms(sound) or 1.0) for name, sound in sounds.items()}
    peak = max(float(np.max(np.abs(sound))) for sound in scaled.values())
    return {name: sound / max(peak, 1.0) for name, sound in scaled.items()}


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
