"""Show presets to readers: lines for a terminal, and model cards in Markdown."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from tfsr.model_card import RESTORATION, ModelCard
from tfsr.model_config import MODEL_TFLITE, STREAM_TFLITE, STREAMS_TFLITE, WEIGHTS
from tfsr.presets import Preset

_UNKNOWN = "not measured"

_HEAD = """# Presets

`tfsr list --markdown` makes this page from the folders in `tfsr/presets`. Scores are means over the
recordings of the test set, by the protocols of `tfsr evaluate`. SNR, segmental SNR and columns of
bands (4-8k, for example) are in dB, LSD in factors of ten of power. [Measures](measures.md)
explains all columns. The real-time factor is the computing time for one second of audio, in
seconds. The weights have the terms of their training data: attribution, and share-alike where the
data have it.
"""

# Columns of the board -> the protocol that has them.
_COLUMNS = {
    **{"DistillMOS": "perceived", "ViSQOL": "perceived", "PESQ": "perceived"},
    **{"buzz": "perceived", "LSD": "perceived", "SNR": "apbwe"},
}
_BESIDE = ("nothing", "spline", "original")


def table(presets: Sequence[Preset]) -> str:
    """One line for each preset."""
    width = max(len(preset.name) for preset in presets)
    return "\n".join(f"{preset.name:<{width}}  {_line(preset)}" for preset in presets)


def _line(preset: Preset) -> str:
    config, factor = preset.config, preset.card.real_time_factor
    speed = f"{1 / factor:.0f} times faster than real time  " if factor else ""
    return (
        f"{config.input_rate:>5} to {config.output_rate} Hz  {config.weights.size / 1e6:.1f} MB  "
        f"{speed}{preset.card.description}"
    )


def page(presets: Sequence[Preset]) -> str:
    """All that is known about presets, as a page of Markdown."""
    return "\n".join([_HEAD, board(presets), *map(card, presets)])


def board(presets: Sequence[Preset]) -> str:
    """A table of Markdown with the scores and costs of presets with the same rates.

    Systems without a network stand beside them, as in the tests of the first of these presets.
    Presets that restore are left out, because their scores are of damaged recordings.
    """
    presets = [preset for preset in presets if preset.suited_to != RESTORATION]
    names = "kHz", "system", *_COLUMNS, "multiply-adds for 1 s", "real-time factor", "parameters"
    rows: list[list[str]] = []
    for rates, of_rates in itertools.groupby(sorted(presets, key=_rates), _rates):
        rows += _board_rows(" to ".join(f"{rate / 1000:g}" for rate in rates), list(of_rates))
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _board_rows(rates: str, presets: Sequence[Preset]) -> Iterator[list[str]]:
    for preset in presets:
        known = preset.card
        factor = _UNKNOWN if known.real_time_factor is None else f"{known.real_time_factor:.4f}"
        cost = [_number(known.multiply_adds), factor, _number(known.parameters)]
        yield [rates, f"**{preset.name}**", *_board_scores(known, "estimate"), *cost]
    for system in _BESIDE:
        yield [rates, system, *_board_scores(presets[0].card, system), "", "", ""]


def _board_scores(known: ModelCard, system: str) -> list[str]:
    # Interpolations that a protocol lacks have no score by it.
    found = (
        known.scores.get(protocol, {}).get(system, {}).get(column, "")
        for column, protocol in _COLUMNS.items()
    )
    return [*map(_shown, found)]


def _rates(preset: Preset) -> tuple[int, int]:
    return preset.config.input_rate, preset.config.output_rate


def card(preset: Preset) -> str:
    """The section about a preset, in Markdown."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in _facts(preset).items())
    scores = "\n".join(_scores(*protocol) for protocol in preset.card.scores.items())
    description = preset.card.description
    return f"## {preset.name}\n\n{description}\n\n| | |\n|---|---|\n{rows}\n\n{scores}"


def _facts(preset: Preset) -> dict[str, str]:
    config, known = preset.config, preset.card
    latency = f"{config.latency_ms:g} ms, frame by frame" if config.latency_ms else "whole files"
    return {
        "rates": f"{config.input_rate} to {config.output_rate} Hz",
        "suited to": known.suited_to or "any recording",
        "latency": latency,
        "weights": f"`{WEIGHTS}`, {config.weights.size:,} bytes, SHA-256 `{config.weights.sha256}`",
        "TensorFlow Lite": ", ".join(f"`{name}`" for name in _tflite(preset)),
        "parameters": _number(known.parameters),
        "multiply-adds for 1 s": _number(known.multiply_adds),
        "real-time factor": _speed(known),
        "training": f"`{known.configuration}`, {_number(known.steps)} steps",
        "training data": "; ".join(f"{s.corpus}: {s.licence}" for s in known.training_data),
        "tested on": known.test_set,
    }


def _tflite(preset: Preset) -> list[str]:
    names = MODEL_TFLITE, STREAM_TFLITE, STREAMS_TFLITE
    return [name for name in names if (preset.folder / name).exists()]


def _number(value: int | None) -> str:
    return _UNKNOWN if value is None else f"{value:,}"


def _speed(known: ModelCard) -> str:
    factor = known.real_time_factor
    return _UNKNOWN if factor is None else f"{factor:.4f} ({known.machine})"


def _scores(protocol: str, systems: Mapping[str, Mapping[str, float | str]]) -> str:
    """The scores of a protocol's systems, one below the other; infinite means are left empty."""
    columns = max(systems.values(), key=len)
    lines = [
        f"| {protocol} | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| {'**this**' if system == 'estimate' else system} | "
            + " | ".join(map(_shown, (means.get(column, "") for column in columns)))
            + " |"
            for system, means in systems.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _shown(score: float | str) -> str:
    """A score; empty for what cannot be judged, which reports write as words ("-inf")."""
    return "" if isinstance(score, str) else f"{score:.3f}"
