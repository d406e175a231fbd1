"""Evaluate an upsampler and the baselines on the same recordings, by a named protocol."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfsr.backend import Backend
from tfsr.data.corpora import Folder
from tfsr.degradation.base import Degradation
from tfsr.errors import UserError
from tfsr.evaluation import protocols, report
from tfsr.evaluation.metrics import finite_mean
from tfsr.evaluation.protocols import Protocol
from tfsr.evaluation.results import Example, FileScores, Results
from tfsr.evaluation.test_set import Degraded, Item, Pairs
from tfsr.inference.chunks import upsample_array
from tfsr.plot import Panel
from tfsr.training.experiment import Experiment
from tfsr.upsamplers.interpolation import Interpolation

EXCERPT_SECONDS = 10
"""Seconds of a recording that are kept as an example, to see and to hear."""


def evaluate_run(
    experiment: Experiment,
    run_dir: Path,
    protocol: str = "tfsr",
    split: str = "test",
    files: int | None = None,
    page: Path | None = None,
    high: Path | None = None,
    low: Path | None = None,
) -> Results:
    """Evaluate a run on its own corpus, or on files, print the scores and write the page.

    Args:
        experiment: the run, its upsampler with the trained weights.
        run_dir: names the run; the page is written in a folder below it.
        protocol: name of a protocol.
        split: "train", "validation" or "test".
        files: number of recordings to use, from the first on.
        page: folder of the page; None: evaluation/PROTOCOL in the run directory.
        high: folder of originals, used instead of the corpus.
        low: folder of degraded inputs, named like the originals. Only the metrics of the protocol
            are then used.

    Raises:
        UserError: an unknown protocol, a rate it is not for, no recordings, or a page that cannot
            be written.
    """
    chosen = protocols.named(protocol)
    if high:
        test_set = of_files(high, low, files, chosen, experiment.data.degradation)
    else:
        test_set = _of_corpus(experiment, run_dir, chosen, split, files)
    folder = report.make_folder(page or Path(run_dir) / "evaluation" / chosen.name)
    results = evaluate(experiment.upsampler, test_set, chosen, system=Path(run_dir).resolve().name)
    print(results.table(), results.summary(), sep="\n\n", end="\n\n")
    print(f"page {report.write_page(results, folder)}", flush=True)
    return results


def evaluate(
    upsampler: Backend,
    test_set: Degraded | Pairs,
    protocol: Protocol,
    seed: int = 0,
    system: str | None = None,
    shown: int = 8,
) -> Results:
    """Upsample each signal of a test set and compare the result with the reference.

    Args:
        upsampler: the system to evaluate; it sets the rates.
        test_set: the signals, at least one.
        protocol: metrics and baselines.
        seed: of the upsampler's noise, together with a signal's place in the set.
        system: the upsampler's name in the results; None: the name of its class.
        shown: number of signals kept as examples.

    Raises:
        UserError: the protocol is made for another rate, or a recording cannot be decoded.
    """
    protocol.check_rate(upsampler.output_rate)
    rates = (upsampler.input_rate, upsampler.output_rate)
    protocol = protocol.fitted(*rates, upsampler.frame_rate)
    baselines = {label: Interpolation(*rates, how) for label, how in protocol.baselines.items()}
    draws = protocol.draws if upsampler.noise_steps else 1
    digests, files, examples, drawn = (hashlib.sha256(), hashlib.sha256()), [], [], []
    items = tqdm(test_set.items(*rates), "evaluate", len(test_set), leave=False, disable=None)
    for index, item in enumerate(items):
        for digest, signal in zip(digests, (item.high, item.low), strict=True):
            digest.update(item.name.encode() + b"\0" + signal.astype("<f4").tobytes())
        knowing = upsampler.with_reference(item.high)
        seeds = range(seed + index, seed + draws * len(test_set), len(test_set))
        estimates = [_upsampled(knowing, item.low, again) for again in seeds]
        drawn.append([protocol.scores(item.high, estimate, *rates) for estimate in estimates])
        others = {name: _upsampled(baseline, item.low, 0) for name, baseline in baselines.items()}
        scores = {name: protocol.scores(item.high, other, *rates) for name, other in others.items()}
        scores = {"estimate": means_of(drawn[-1]), **scores}
        if protocol.originals:
            scores["original"] = protocol.scores(item.high, item.high, *rates)
        seconds = item.high.size / upsampler.output_rate
        files.append(FileScores(item.name, seconds, scores, item.speaker))
        if index < shown:
            examples.append(_example(item, {"estimate": estimates[0], **others}, *rates))
    return Results(
        system=system or type(upsampler).__name__,
        protocol=protocol.name,
        degradation=test_set.description,
        input_rate=upsampler.input_rate,
        output_rate=upsampler.output_rate,
        files_hash=digests[0].hexdigest(),
        inputs_hash=digests[1].hexdigest(),
        files=tuple(files),
        by_speaker=protocol.by_speaker,
        spread=_spread(drawn) if draws > 1 else {},
        examples=tuple(examples),
    )


def of_files(
    high: Path, low: Path | None, files: int | None, protocol: Protocol, degradation: Degradation
) -> Degraded | Pairs:
    """The test set of a folder of originals, with their inputs from another folder or made.

    Args:
        high: folder of originals.
        low: folder of the inputs, named like the originals; None: the protocol makes them.
        files: number of recordings to use, from the first on.
        degradation: makes the low-rate signals if the protocol does not define how.

    Raises:
        UserError: a folder has no usable audio, or one of `low` has no original.
    """
    if low:
        return Pairs(low, high, files)
    return protocol.test_set(Folder(high).all_recordings[:files], degradation)


def _of_corpus(
    experiment: Experiment, run_dir: Path, protocol: Protocol, split: str, files: int | None
) -> Degraded:
    """Recordings of a run's corpus, with its degradation if the protocol does not define one."""
    recordings = experiment.data.recordings(split)[:files]
    if not recordings:
        raise UserError(f"the corpus of {run_dir} has no {split} recordings: choose another split")
    return protocol.test_set(recordings, experiment.data.degradation)


def _upsampled(upsampler: Backend, low: np.ndarray, seed: int) -> np.ndarray:
    return upsample_array(upsampler, low, upsampler.chunk, seed)


def means_of(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each column; infinite values are left out."""
    return {column: finite_mean(score[column] for score in scores) for column in scores[0]}


def _spread(drawn: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, float]:
    """Standard deviation, between draws, of the means over the files; from files x draws."""
    by_draw = [means_of(files) for files in zip(*drawn, strict=True)]
    return {column: float(np.std([x[column] for x in by_draw], ddof=1)) for column in by_draw[0]}


def _example(
    item: Item, estimates: Mapping[str, np.ndarray], input_rate: int, output_rate: int
) -> Example:
    """The first seconds of low, the protocol's first baseline, the estimate and the reference.

    A baseline that leaves low unchanged also stands for low.
    """
    baseline = list(estimates)[1]
    unchanged = np.array_equal(estimates[baseline], item.low)
    panels = (
        *([] if unchanged else [Panel("low", item.low, input_rate)]),
        Panel(baseline, estimates[baseline], output_rate),
        Panel("estimate", estimates["estimate"], output_rate),
        Panel("original", item.high, output_rate),
    )
    return Example(
        item.name,
        tuple(p._replace(waveform=p.waveform[: EXCERPT_SECONDS * p.rate].copy()) for p in panels),
    )
