"""The model card: purpose, training data, quality and speed of a trained model.

The card is stored with the upsampler (`upsampler.card`) in model folders and exported files. It can
be read without TensorFlow.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfsr.errors import UserError

TELEPHONE = "telephone"
"""Value of `ModelCard.suited_to` for a model for telephone recordings."""

STREAMS = "streams"
"""Its value for a model that is only for live sound: there are better ones for whole recordings."""

RESTORATION = "restoration"
"""Its value for a model that restores damaged recordings, and widens no undamaged ones."""

SUITED_TO = "", TELEPHONE, STREAMS, RESTORATION
"""All values that `ModelCard.suited_to` may have."""

Scores = Mapping[str, Mapping[str, Mapping[str, float | str]]]
"""protocol -> system ("estimate" is this model) -> metric -> mean over recordings."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Data that a model has been trained on.

    Attributes:
        corpus: its name.
        licence: the licence of the corpus.
    """

    corpus: str
    licence: str


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What is known about a model. Every attribute has a default, for a model just made.

    Attributes:
        description: its purpose, in one line.
        suited_to: the only kind of recordings it suits, one of `SUITED_TO`; "": any kind.
        training_data: the data that it was trained on.
        configuration: the recipe.
        steps: number of training steps.
        parameters: number of weights, including those that are not trained.
        multiply_adds: for one second of audio.
        real_time_factor: seconds needed for a second of audio, with one thread on `machine`.
        machine: where and when that was measured.
        scores: see `Scores`; words ("-inf") stand for values that are not finite.
        test_set: the recordings that the scores are means over.

    Raises:
        UserError: `suited_to` is unknown to tfsr.
    """

    description: str = ""
    suited_to: str = ""
    training_data: tuple[Source, ...] = ()
    configuration: str = ""
    steps: int | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    real_time_factor: float | None = None
    machine: str = ""
    scores: Scores = dataclasses.field(default_factory=dict)
    test_set: str = ""

    def __post_init__(self):
        if self.suited_to not in SUITED_TO:
            raise UserError(
                f"card.suited_to: wants one of {', '.join(map(repr, SUITED_TO))}, not "
                f"{self.suited_to!r:.80}"
            )

    def to_data(self) -> dict[str, Any]:
        """A dict that JSON can store, with only the known values."""
        data = dataclasses.asdict(self)
        data["training_data"] = list(data["training_data"])
        return {name: value for name, value in data.items() if value not in ("", None, [], {})}

    @classmethod
    def from_data(cls, data: Any, place: str = "card") -> "ModelCard":
        """The inverse of `to_data`.

        Raises:
            UserError: a name is unknown or a value has the wrong type; the message names `place`.
        """
        known = {field.name: _KINDS[field.name] for field in dataclasses.fields(cls)}
        check(data, known, place)
        sources = data.get("training_data", [])
        check_scores(data.get("scores", {}), f"{place}.scores")
        for number, source in enumerate(sources):
            check(source, _SOURCE, f"{place}.training_data[{number}]", _SOURCE)
        return cls(**data | {"training_data": tuple(Source(**source) for source in sources)})


Kind = type | tuple[type, ...]

_SOURCE: Mapping[str, Kind] = {"corpus": str, "licence": str}
_KINDS: Mapping[str, Kind] = {
    **{name: str for name in ("description", "suited_to", "configuration", "machine", "test_set")},
    **{name: int for name in ("steps", "parameters", "multiply_adds")},
    **{"real_time_factor": (int, float), "training_data": list, "scores": dict},
}


def check(data: Any, kinds: Mapping[str, Kind], place: str, needed: Any = ()) -> None:
    """Raise UserError, with the place, unless `data` has values of these types under these names.

    Args:
        data: read from JSON.
        kinds: name -> type, or several.
        needed: names that must be present.
    """
    if not isinstance(data, dict):
        raise UserError(f"{place}: wants names and values")
    for name in needed:
        if name not in data:
            raise UserError(f"{place}: has no {name!r}")
    for name, value in data.items():
        if name not in kinds:
            raise UserError(f"{place}: {name[:80]!r} is nothing that tfsr knows")
        kind = kinds[name]
        # To Python, true is a number.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = kind if isinstance(kind, tuple) else (kind,)
            words = " or ".join(_WORDS[one] for one in wanted)
            raise UserError(f"{place}.{name}: wants {words}, not {str(value)[:40]!r}")


_WORDS: Mapping[type, str] = {
    **{str: "a text", int: "a whole number", float: "a number", list: "a list"},
    **{dict: "names and values", bool: "true or false", type(None): "null"},
}


def check_scores(data: Any, place: str) -> None:
    """Raise UserError unless `data` are `Scores`."""
    levels = [(place, data)]
    for _ in "protocol", "system", "metric":
        for where, level in levels:
            if not isinstance(level, dict):
                raise UserError(f"{where}: wants names and values")
        levels = [(f"{w}.{name}", value) for w, level in levels for name, value in level.items()]
    for where, score in levels:
        if isinstance(score, bool) or not isinstance(score, int | float | str):
            raise UserError(f"{where}: wants a number, not {str(score)[:40]!r}")
