"""Make a preset of a trained run of the compact spectral network, with its model card.

    python tools/make_preset.py speech-16k-x2 --run_dir runs/spectral \
        --description 'Speech, 8 to 16 kHz' --configuration configs/spectral.gin \
        --scores scores_tfsr.json --scores scores_apbwe.json

Writes the weights and the manifest of `tfsr.presets`, and docs/presets.md from it. Scores are what
`python -m tfsr.evaluate --json` writes. A preset of that name is replaced.
"""

import argparse
import dataclasses
import datetime
import json
import os
from pathlib import Path

import numpy as np
from benchmark import machine
from timing import timed, use_threads

from tfsr import command, presets
from tfsr.complete import new_file, write_text

ORDER = ("telephony-8k-16k", "speech-16k-x2", "speech-16k-x4", "speech-48k-x3")
SECONDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ORDER)
    parser.add_argument("--run_dir", required=True)
    parser.add_argument("--description", required=True)
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--scores", action="append", required=True)
    parser.add_argument("--test_set", required=True, help="what they are scores of")
    parser.add_argument("--cards", default="docs/presets.md")
    arguments = parser.parse_args()
    command.quiet_tensorflow()
    use_threads(1)
    manifest = _others(arguments.name)
    manifest[arguments.name] = entry(arguments)
    ordered = {name: manifest[name] for name in ORDER if name in manifest}
    write_text(presets.folder() / presets.MANIFEST, json.dumps(ordered, indent=1) + "\n")
    write_text(arguments.cards, cards(ordered))


def _others(name: str) -> dict[str, dict]:
    path = presets.folder() / presets.MANIFEST
    known = json.loads(path.read_text()) if path.exists() else {}
    return {other: about for other, about in known.items() if other != name}


def entry(arguments: argparse.Namespace) -> dict:
    """The manifest's, after the weights were written."""
    from tfsr.gin_config import load_run
    from tfsr.training.provenance import sources
    from tfsr.upsamplers.complexity import complexity

    run = load_run(arguments.run_dir)
    upsampler, cost = run.upsampler, complexity(run.upsampler)
    path = presets.folder() / f"{arguments.name}.h5"
    with new_file(path) as part:
        upsampler.network.save_weights(str(part), save_format="h5")
    trunk = upsampler.network.trunk
    preset = presets.Preset(
        name=arguments.name,
        description=arguments.description,
        file=path.name,
        size=path.stat().st_size,
        sha256=presets.sha256(path),
        input_rate=upsampler.input_rate,
        output_rate=upsampler.output_rate,
        latency_ms=upsampler.latency_ms,
        network={
            "channels": trunk.start.filters,
            "blocks": len(trunk.blocks),
            "causal": upsampler.network.causal,
        },
        codec=dataclasses.asdict(upsampler.codec),
        level_db=upsampler.level_db,
        parameters=cost.parameters,
        multiply_adds=cost.multiply_adds,
        real_time_factor=round(real_time_factor(upsampler), 5),
        machine=f"{machine()}, 1 thread, {datetime.date.today()}",
        configuration=arguments.configuration,
        steps=run.steps,
        training_data=sources(arguments.run_dir),
        scores=dict(map(_means, arguments.scores)),
        test_set=arguments.test_set,
    )
    _check(preset, upsampler)
    about = dataclasses.asdict(preset)
    del about["name"]
    return about


def real_time_factor(upsampler) -> float:
    """Of whole files, the best of three."""
    from tfsr.inference.chunks import upsample_array

    low = np.random.default_rng(0).normal(0, 0.1, SECONDS * upsampler.input_rate)
    low = low.astype(np.float32)

    def upsample() -> None:
        upsample_array(upsampler, low, upsampler.chunk)

    upsample()
    return min(timed(upsample) for _ in range(3)) / SECONDS


def _means(path: str) -> tuple[str, dict]:
    scores = json.loads(Path(path).read_text())
    return scores["protocol"], scores["means"]


def _check(preset: presets.Preset, upsampler) -> None:
    """That the manifest is enough to have the run's upsampler again."""
    again = preset.build()
    again.network.load_weights(os.fspath(presets.folder() / preset.file))
    low = np.random.default_rng(0).normal(0, 0.1, [1, 4000]).astype(np.float32)
    np.testing.assert_allclose(again.upsample(low), upsampler.upsample(low), rtol=0, atol=1e-6)


def cards(manifest: dict[str, dict]) -> str:
    from tfsr.presets.card import card

    head = (
        "# Presets\n\nMade by `tools/make_preset.py` from `tfsr/presets/manifest.json`. Scores are "
        "means over the recordings of the test set, by the protocols of `tfsr.evaluate`; SNR in "
        "dB, LSD in factors of ten of power. The weights may be used as their training data may: "
        "with attribution, and where that says share-alike, alike.\n"
    )
    return "\n".join([head, *(card(presets.Preset(name, **manifest[name])) for name in manifest)])


if __name__ == "__main__":
    main()
