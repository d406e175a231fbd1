"""An upsampler and the baselines on the same recordings, by a named protocol."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfsr.data.recordings import Recording
from tfsr.degradation.base import Degradation
from tfsr.errors import UserError
from tfsr.evaluation import protocols, report
from tfsr.evaluation.metrics import finite_mean
from tfsr.evaluation.protocols import Protocol
from tfsr.evaluation.results import Example, FileScores, Results
from tfsr.inference.chunks import upsample_array
from tfsr.plot import Panel
from tfsr.training.experiment import Experiment
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.interpolation import Interpolation

EXCERPT_SECONDS = 10
"""What is kept of a recording to look at and listen to."""


def evaluate_run(
    experiment: Experiment,
    run_dir: Path,
    protocol: str = "tfsr",
    split: str = "test",
    files: int | None = None,
    page: Path | None = None,
) -> Results:
    """Evaluate a run on its own corpus, print the scores and write the page.

    Args:
        experiment: the run, its upsampler with the trained weights.
        run_dir: names the run, and is where the page is written below.
        protocol: name of a protocol.
        split: "train", "validation" or "test".
        files: only so many recordings, the first ones.
        page: folder of the page; None: evaluation/PROTOCOL in the run directory.

    Raises:
        UserError: unknown protocol, a rate it is not for, no recordings, or no place for a page.
    """
    chosen = protocols.named(protocol)
    recordings = experiment.data.recordings(split)[:files]
    if not recordings:
        raise UserError(f"the corpus of {run_dir} has no {split} recordings: choose another split")
    folder = report.make_folder(page or Path(run_dir) / "evaluation" / chosen.name)
    results = evaluate(
        experiment.upsampler,
        recordings,
        chosen,
        experiment.data.degradation,
        system=Path(run_dir).resolve().name,
    )
    print(results.table(), results.summary(), sep="\n\n", end="\n\n")
    print(f"page {report.write_page(results, folder)}", flush=True)
    return results


def evaluate(
    upsampler: Upsampler,
    recordings: Sequence[Recording],
    protocol: Protocol,
    degradation: Degradation,
    seed: int = 0,
    system: str | None = None,
    shown: int = 8,
) -> Results:
    """Degrade each recording, upsample it, and compare with what it was.

    Args:
        upsampler: what is evaluated; its rates decide at which rates.
        recordings: the references, at least one.
        protocol: metrics, baselines, and preparation of the references.
        degradation: makes the low-rate signals where the protocol leaves that open.
        seed: of random degradations and of the upsampler's noise, together with a recording's
            place in the list.
        system: what the results call the upsampler; None: the name of its class.
        shown: how many recordings are kept as examples.

    Raises:
        UserError: the protocol is made for another rate, or a recording cannot be decoded.
    """
    protocol.check_rate(upsampler.output_rate)
    degradation = protocol.degradation or degradation
    rates = (upsampler.input_rate, upsampler.output_rate)
    baselines = {label: Interpolation(*rates, how) for label, how in protocol.baselines.items()}
    draws = protocol.draws if upsampler.noise_steps else 1
    digest, files, examples, drawn = hashlib.sha256(), [], [], []
    for index, recording in enumerate(tqdm(recordings, "evaluate", leave=False, disable=None)):
        high = protocol.preparation(recording.read(upsampler.output_rate), upsampler.ratio)
        random = np.random.default_rng([seed, index])
        digest.update(recording.name.encode() + b"\0" + high.astype("<f4").tobytes())
        low, high = (x.astype(np.float32) for x in degradation.pair(high, *reversed(rates), random))
        knowing = upsampler.with_reference(high)
        seeds = range(seed + index, seed + draws * len(recordings), len(recordings))
        estimates = [_upsampled(knowing, low, again) for again in seeds]
        drawn.append([protocol.scores(high, estimate, *rates) for estimate in estimates])
        others = {name: _upsampled(baseline, low, seed) for name, baseline in baselines.items()}
        scores = {name: protocol.scores(high, other, *rates) for name, other in others.items()}
        scores = {"estimate": _means(drawn[-1]), **scores}
        seconds = high.size / upsampler.output_rate
        files.append(FileScores(recording.name, seconds, scores, recording.speaker))
        if index < shown:
            examples.append(
                _example(recording.name, low, {"estimate": estimates[0], **others}, high, *rates)
            )
    return Results(
        system=system or type(upsampler).__name__,
        protocol=protocol.name,
        degradation=repr(degradation),
        input_rate=upsampler.input_rate,
        output_rate=upsampler.output_rate,
        files_hash=digest.hexdigest(),
        files=tuple(files),
        by_speaker=protocol.by_speaker,
        spread=_spread(drawn) if draws > 1 else {},
        examples=tuple(examples),
    )


def _upsampled(upsampler: Upsampler, low: np.ndarray, seed: int) -> np.ndarray:
    return upsample_array(upsampler, low, upsampler.chunk, seed)


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {column: finite_mean(score[column] for score in scores) for column in scores[0]}


def _spread(drawn: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, float]:
    """Standard deviation between the draws of the means over the files, from files x draws."""
    by_draw = [_means(files) for files in zip(*drawn, strict=True)]
    return {column: float(np.std([x[column] for x in by_draw], ddof=1)) for column in by_draw[0]}


def _example(
    name: str,
    low: np.ndarray,
    estimates: Mapping[str, np.ndarray],
    high: np.ndarray,
    input_rate: int,
    output_rate: int,
) -> Example:
    """The beginning of low, of the protocol's first baseline, of estimate and of reference."""
    baseline = list(estimates)[1]
    panels = (
        Panel("low", low, input_rate),
        Panel(baseline, estimates[baseline], output_rate),
        Panel("estimate", estimates["estimate"], output_rate),
        Panel("original", high, output_rate),
    )
    return Example(
        name,
        tuple(p._replace(waveform=p.waveform[: EXCERPT_SECONDS * p.rate].copy()) for p in panels),
    )
