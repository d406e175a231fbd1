"""Train an upsampler.

    python -m tfsr.train --gin configs/quickstart.gin
    python -m tfsr.train --gin configs/audiounet.gin --data my/recordings --run_dir runs/mine
    python -m tfsr.train --run_dir runs/mine                 (resumes the run)

At the end it evaluates the held-out recordings and writes a page that shows and plays them.
"""

import contextlib

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_GIN = flags.DEFINE_multi_string("gin", [], "Configuration file; may repeat, later ones override.")
_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "An additional setting, such as STEPS=2000; may repeat."
)
_ALLOW_IMPORT = command.allow_import_flag()
_DATA = flags.DEFINE_multi_string(
    "data",
    [],
    "Folder of recordings, of VCTK, or made by tfsr.prepare. May repeat, to train on several "
    "together. Default: the bundled speech.",
)
_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "Folder of the run; an existing run is resumed. Default: runs/CONFIG."
)
_FULL_BAND = flags.DEFINE_bool(
    "full_band",
    True,
    "Leave out recordings that do not fill the band of the output rate, such as calls at 16 kHz. "
    "--nofull_band keeps them all. A resumed run keeps its first choice.",
)
_EVALUATE = flags.DEFINE_bool("evaluate", True, "Evaluate the test recordings at the end.")


def main(positional: list[str]) -> None:
    if positional:
        raise UserError(
            f"train: {positional[0]!r} is not a flag; give a configuration as --gin FILE"
        )
    run_dir = _run_dir()
    from tfsr import gin_config
    from tfsr.folder_lock import folder_lock
    from tfsr.training import distribution

    distribution.make_cpu_deterministic()
    strategy = distribution.strategy()
    files = _GIN.value or [gin_config.operative_config(run_dir)]
    with strategy.scope():
        experiment = gin_config.experiment(files, _bindings(), _ALLOW_IMPORT.value)
        # First, for the weights of a large network take long to make.
        described = experiment.data.corpus.describe()
    is_chief = distribution.is_chief(strategy)
    with folder_lock(run_dir, "training") if is_chief else contextlib.nullcontext():
        _refuse_fewer_steps(experiment, run_dir)
        with strategy.scope():
            gin_config.initialize(experiment, _ALLOW_IMPORT.value)
        if is_chief:
            gin_config.write_operative_config(run_dir)
        _train(experiment, run_dir, strategy, described)


def _train(experiment, run_dir, strategy, described: str) -> None:
    from tfsr.evaluation.evaluate import evaluate_run
    from tfsr.training import checkpoints, cost, distribution, loop, provenance

    print(f"run directory {run_dir}; {described}", flush=True)
    print(cost.announcement(experiment), flush=True)
    print(provenance.one_dnn(), flush=True)
    start = loop.train(experiment, run_dir, strategy)
    if start and start == experiment.steps:
        print(f"{run_dir} already stands at step {start}; give --gin_param STEPS=... to go on")
    if not experiment.data.recordings("test"):
        print(f"{experiment.data.corpus.name} holds nothing out for a test: nothing to evaluate")
    elif _EVALUATE.value and distribution.is_chief(strategy):
        checkpoints.restore(experiment.upsampler, run_dir)  # what every later command will see
        evaluate_run(experiment, run_dir)


def _refuse_fewer_steps(experiment, run_dir) -> None:
    """Refuse before anything is written."""
    from tfsr.training.checkpoints import newest_step

    reached = newest_step(run_dir)
    if experiment.steps < reached:
        raise UserError(
            f"Experiment.steps is {experiment.steps}, and {run_dir} has reached step {reached} "
            f"already: give --gin_param STEPS={reached}, or more to go on, or another --run_dir"
        )


def _run_dir():
    from pathlib import Path

    if _RUN_DIR.value:
        return Path(_RUN_DIR.value)
    if not _GIN.value:
        raise UserError("train: give --gin FILE, such as configs/quickstart.gin")
    return Path("runs") / Path(_GIN.value[-1]).stem


def _bindings() -> list[str]:
    bindings = list(_PARAM.value)
    if not _FULL_BAND.value:
        bindings.append("pipeline.Patches.full_band = False")
    if _DATA.value:
        import os

        folders = [os.path.abspath(folder) for folder in _DATA.value]
        bindings.append(f"DATA = {folders if len(folders) > 1 else folders[0]!r}")
    return bindings


if __name__ == "__main__":
    command.run(main)
