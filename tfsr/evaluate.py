r"""Evaluate a trained model on recordings, beside interpolations and other reference systems.

    python -m tfsr.evaluate --model speech-16k-x2
    python -m tfsr.evaluate --model models/mine --high clips/ --protocol perceived
    python -m tfsr.evaluate --run_dir runs/quickstart
    python -m tfsr.evaluate --run_dir runs/quickstart --protocol kuleshov2017 --json scores.json
    python -m tfsr.evaluate --run_dir runs/quickstart --page mismatch \
        --gin_param 'lowpass.Chebyshev.zero_phase = False'
    python -m tfsr.evaluate --run_dir runs/voicefixer --protocol voicefixer \
        --low noisy_testset_wav --high clean_testset_wav
    python -m tfsr.evaluate --run_dir runs/quickstart --artifacts

By default a run is evaluated on the recordings that its training held out. A model is evaluated on
the bundled test recordings. --high is a folder of originals. --low holds the input files for them;
without it the protocol makes the inputs. The command prints the scores per file and their means. It
writes a page that shows and plays the signals. With --artifacts it measures instead which tones the
run produces from silence and from a constant.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from tfsr import command
from tfsr.errors import UserError
from tfsr.evaluation.protocol_names import listed

if TYPE_CHECKING:
    from tfsr.evaluation.artifacts import Artifacts
    from tfsr.evaluation.results import Results
    from tfsr.training.experiment import Experiment

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run: a folder that tfsr.train wrote.")
_MODEL = flags.DEFINE_string(
    "model", None, "Instead of a run: a preset, a model folder or an exported file."
)
_PROTOCOL = flags.DEFINE_string(
    "protocol",
    "tfsr",
    f"Metrics and degradation; these patterns name several: {listed()}. Or a protocol of your own, "
    "as module:name of a tfsr.evaluation.protocols.Protocol.",
)
_SPLIT = flags.DEFINE_enum(
    "split", "test", ["train", "validation", "test"], "The part of the run's corpus to evaluate."
)
_FILES = flags.DEFINE_integer("files", None, "Use only this many recordings.", lower_bound=1)
_LOW = flags.DEFINE_string(
    "low", None, "Folder of degraded input files, named like the files of --high."
)
_HIGH = flags.DEFINE_string("high", None, "Folder of clean originals to evaluate on.")
_JSON = command.report_flag("json", "File for the scores or the tones as JSON.", ".json")
_PAGE = flags.DEFINE_string(
    "page",
    None,
    "Folder for the page. Default: evaluation/PROTOCOL in the run directory, or "
    "evaluation/artifacts. For a model there is no page by default.",
)
_GIN = flags.DEFINE_multi_string(
    "gin", [], "A configuration to test with, such as configs/data/hifi_res.gin; may repeat."
)
_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A setting to change in the run, such as its degradation; may repeat."
)
_ALLOW_IMPORT = command.allow_import_flag()
_ARTIFACTS = flags.DEFINE_bool(
    "artifacts", False, "Measure tones that the run produces from a constant; use no recordings."
)


def main(positional: list[str]) -> None:
    if positional:
        raise UserError(f"evaluate: {positional[0]!r} is not a flag; give a run as --run_dir DIR")
    run_dir, model = _RUN_DIR.value, _MODEL.value
    if run_dir and model:
        raise UserError("evaluate: give --model or --run_dir, not both")
    if model:
        _refuse(
            "--model has no corpus and no settings", _SPLIT, _GIN, _PARAM, _ALLOW_IMPORT, _ARTIFACTS
        )
    if _ARTIFACTS.value:
        _refuse("--artifacts listens to no recordings", _PROTOCOL, _SPLIT, _FILES, _LOW, _HIGH)
    if _LOW.value and not _HIGH.value:
        raise UserError("evaluate: --low goes with --high, a folder of the originals")
    if _HIGH.value:
        _refuse("--high brings recordings of its own", _SPLIT)
    from tfsr.atomic_files import write_text
    from tfsr.evaluation import protocols

    protocols.named(_PROTOCOL.value)
    page = Path(_PAGE.value) if _PAGE.value else None
    measured: Results | Artifacts
    if model:
        measured = _of_model(model, page)
    elif run_dir:
        measured = _artifacts(run_dir, page) if _ARTIFACTS.value else _scores(run_dir, page)
    else:
        raise UserError(
            "evaluate: give --model NAME, or --run_dir DIR, a folder that tfsr.train wrote"
        )
    if _JSON.value:
        write_text(_JSON.value, measured.to_json())


def _refuse(why: str, *unwanted: flags.FlagHolder) -> None:
    for flag in unwanted:
        if flag.present:
            raise UserError(f"evaluate: {why}: leave out --{flag.name}")


def _of_model(model: str, page: Path | None) -> "Results":
    from tfsr.api import evaluate
    from tfsr.evaluation import report

    results = evaluate(model, _HIGH.value, _PROTOCOL.value, _FILES.value, _LOW.value)
    print(results.table(), results.summary(), sep="\n\n")
    if page:
        print(f"\npage {report.write_page(results, page)}", flush=True)
    return results


def _scores(run_dir: str, page: Path | None) -> "Results":
    from tfsr.evaluation.evaluate import evaluate_run

    return evaluate_run(
        _run(run_dir),
        Path(run_dir),
        protocol=_PROTOCOL.value,
        split=_SPLIT.value,
        files=_FILES.value,
        page=page,
        high=Path(_HIGH.value) if _HIGH.value else None,
        low=Path(_LOW.value) if _LOW.value else None,
    )


def _artifacts(run_dir: str, folder: Path | None) -> "Artifacts":
    from tfsr.evaluation.artifacts import measure_run
    from tfsr.loading import is_described, load_upsampler

    as_it_is = is_described(run_dir) and not (_GIN.value or _PARAM.value)
    upsampler = load_upsampler(run_dir) if as_it_is else _run(run_dir).upsampler
    return measure_run(upsampler, Path(run_dir), folder)


def _run(run_dir: str) -> "Experiment":
    from tfsr import gin_config

    return gin_config.load_run(run_dir, _PARAM.value, _GIN.value, _ALLOW_IMPORT.value)


if __name__ == "__main__":
    command.run(main)
