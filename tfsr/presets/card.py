"""What is known of presets, to be read: lines for a terminal, and model cards in Markdown."""

from collections.abc import Sequence

from tfsr.presets import Preset


def table(presets: Sequence[Preset]) -> str:
    """A line for each."""
    width = max(len(preset.name) for preset in presets)
    return "\n".join(
        f"{preset.name:<{width}}  {preset.input_rate:>5} to {preset.output_rate} Hz  "
        f"{preset.size / 1e6:.1f} MB  {1 / preset.real_time_factor:.0f} times faster than real "
        f"time  {preset.description}"
        for preset in presets
    )


def card(preset: Preset) -> str:
    """A section of Markdown."""
    latency = f"{preset.latency_ms:g} ms, frame by frame" if preset.latency_ms else "whole files"
    facts = {
        "rates": f"{preset.input_rate} to {preset.output_rate} Hz",
        "latency": latency,
        "weights": f"`{preset.file}`, {preset.size:,} bytes, SHA-256 `{preset.sha256}`",
        "parameters": f"{preset.parameters:,}",
        "multiply-adds for 1 s": f"{preset.multiply_adds / 1e6:.0f} M",
        "real-time factor": f"{preset.real_time_factor:.4f} ({preset.machine})",
        "training": f"`{preset.configuration}`, {preset.steps:,} steps",
        "training data": "; ".join(f"{s['corpus']}: {s['licence']}" for s in preset.training_data),
        "tested on": preset.test_set,
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    scores = "\n".join(_scores(protocol, systems) for protocol, systems in preset.scores.items())
    return f"## {preset.name}\n\n{preset.description}\n\n| | |\n|---|---|\n{rows}\n\n{scores}"


def _scores(protocol: str, systems: dict[str, dict[str, float]]) -> str:
    """A protocol's systems under each other."""
    columns = list(next(iter(systems.values())))
    lines = [
        f"| {protocol} | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| {'**this**' if system == 'estimate' else system} | "
            + " | ".join(map(_shown, (means[column] for column in columns)))
            + " |"
            for system, means in systems.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _shown(score: float | str) -> str:
    """Nothing of what cannot be judged, which reports write as words ("-inf")."""
    return "" if isinstance(score, str) else f"{score:.3f}"
