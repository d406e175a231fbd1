"""The training loop: `fit` from the state of the run directory to the last step."""

import contextlib
import functools
import math
import operator
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tqdm import tqdm

from tfsr import model_folder
from tfsr.errors import UserError
from tfsr.model_card import ModelCard
from tfsr.model_config import CONFIG
from tfsr.postponed import Signals, postponed
from tfsr.training import checkpoints, distribution, provenance, run_model
from tfsr.training.checkpoints import Checkpoints
from tfsr.training.experiment import Experiment
from tfsr.training.log import Log, is_validated
from tfsr.upsamplers.base import Upsampler

Action = Callable[[int, dict[str, float]], None]
"""Called after a training step, with its number and the mean losses since the last log line."""


def train(experiment: Experiment, run_dir: Path, strategy: tf.distribute.Strategy) -> int:
    """Train up to `experiment.steps`, from the newest good checkpoint of `run_dir` on.

    A run may be killed at any instant and started again. It then ends with the same files as a run
    without interruption. This holds on the same hardware, with oneDNN always on or always off. Only
    the times of TensorBoard's events differ.

    At Ctrl-C, SIGTERM and SIGHUP the current step is finished and saved before the program ends.
    A second signal ends it at once. (With several workers, which save together, the first does.)

    Args:
        experiment: made under `strategy.scope()`, its upsampler initialised there.
        run_dir: gets `versions.json`, `data.json`, `checkpoints/`, `logs/` and `model/`, which is
            the model for use, in the form of `tfsr.model_folder`. No other training may run there,
            see `folder_lock`: files that killed runs have left there are removed.
        strategy: how the batch is shared. Several workers must all see `run_dir`; only their chief
            writes there.

    Returns:
        The step at which training continued.

    Raises:
        UserError: a loss is no longer finite; the message names step and recordings. Or a file of
            the run is damaged or cannot be written. Or another worker is gone.
    """
    run_dir = Path(run_dir)
    with strategy.scope():
        experiment.upsampler.compile()
        # Keras makes each when it is first used, and checkpoints tell in which order that was.
        experiment.upsampler.make_train_function()
        experiment.upsampler.make_test_function()
    with _folder_to_write(run_dir, strategy) as folder:
        saved = Checkpoints(folder / "checkpoints", experiment.upsampler, experiment.keep)
        found = saved.restore(run_dir / "checkpoints", for_training=True)
        if found is None:
            _begin(experiment, strategy)
        start = found or 0
        if not start or start < experiment.steps:  # one at its end stays as it was made
            provenance.write(folder, experiment, resumed=start > 0)
        write_model = _write_model(experiment.upsampler, folder)

        def save(step: int) -> None:
            saved.save(step)
            write_model(step)

        if found is not None and not run_model.is_of(folder, found):
            write_model(found)  # it was killed before that
        elif found is None and not (experiment.steps and experiment.upsampler.updates):
            save(0)
        if experiment.upsampler.updates:
            validated = is_validated(run_dir / "logs", start)  # the same for all workers
            log = Log(folder / "logs", start, validated)
            with postponed(wanted=strategy.cluster_resolver is None) as signals:
                end = functools.partial(_end, signals, saved, save, run_dir)
                with distribution.ending_together(strategy, run_dir):
                    _fit(experiment, save, log, start, strategy, end)
    return start


def _write_model(upsampler: Upsampler, run_dir: Path) -> Callable[[int], None]:
    """A function that writes the model of a step into a run, for use."""
    upsampler.card = ModelCard(training_data=provenance.sources(run_dir))
    if not run_model.can_be_written(upsampler):
        return lambda step: None
    return functools.partial(run_model.write, upsampler, run_dir)


def _begin(experiment: Experiment, strategy: tf.distribute.Strategy) -> None:
    """Do everything that comes before the first step."""
    upsampler = experiment.upsampler
    with strategy.scope():
        for part, model in experiment.pretrained.items():
            _take(operator.attrgetter(part)(upsampler), Path(model))
        if upsampler.adapt_batches:
            upsampler.adapt(experiment.data.batches(0, upsampler.adapt_batches))
        upsampler.begin_averages()


def _take(network: keras.Model, trained: Path) -> None:
    """Load the weights of a model folder, or of a run's newest checkpoint."""
    take = model_folder if (trained / CONFIG).exists() else checkpoints
    take.take_network(network, trained)


def _fit(
    experiment: Experiment,
    save: Callable[[int], None],
    log: Log,
    start: int,
    strategy: tf.distribute.Strategy,
    end_if_asked: Callable[[int], None],
) -> None:
    upsampler, data = experiment.upsampler, experiment.data
    per_step = upsampler.batches_per_step
    means = [variable.numpy() for metric in upsampler.metrics for variable in metric.variables]
    with tqdm(total=experiment.steps, initial=start, unit="step", dynamic_ncols=True) as bar:
        if not log.validated and _is_validated_at(start, experiment):
            _validate(experiment, log, start)  # it was killed before that
        actions = [
            _stop_when_not_finite(lambda step: data.names_of(step, per_step)),
            _show(bar),
            _log_losses(log, upsampler, experiment.log_every),
            _save_sometimes(save, experiment),
            lambda step, losses: end_if_asked(step),
        ]
        for begin, end in intervals(start, experiment.steps, experiment.validate_every):
            dataset = distribution.distribute(
                strategy,
                data.batch,
                per_step,
                functools.partial(data.batches, begin, end, per_step=per_step),
            )
            callbacks = [_AfterEachStep(begin, actions)]
            if begin == start:
                callbacks.append(_Means(means))
            upsampler.fit(dataset, steps_per_epoch=end - begin, verbose=0, callbacks=callbacks)
            _validate(experiment, log, end)
            end_if_asked(end)


def intervals(start: int, stop: int, every: int) -> Iterator[tuple[int, int]]:
    """(begin, end) pairs that cover `start` to `stop`, cut at multiples of `every`."""
    while start < stop:
        end = min(stop, (start // every + 1) * every)
        yield start, end
        start = end


class _AfterEachStep(keras.callbacks.Callback):
    def __init__(self, begin: int, actions: list[Action]):
        super().__init__()
        self._begin = begin
        self._actions = actions

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        for action in self._actions:
            action(self._begin + batch + 1, logs)


class _Means(keras.callbacks.Callback):
    """Restores the saved running means of losses, which `fit` resets."""

    def __init__(self, values: list[np.ndarray]):
        super().__init__()
        self._values = values

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        variables = [variable for metric in self.model.metrics for variable in metric.variables]
        for variable, value in zip(variables, self._values, strict=True):
            variable.assign(value)


def _stop_when_not_finite(names_of: Callable[[int], list[str]]) -> Action:
    def action(step: int, losses: dict[str, float]) -> None:
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise UserError(
                f"step {step}: {', '.join(bad)} is not finite; the batch came from "
                f"{', '.join(sorted(set(names_of(step - 1))))}; look at these recordings, or lower "
                "the learning rate and resume from the last checkpoint"
            )

    return action


def _show(bar: tqdm) -> Action:
    def action(step: int, losses: dict[str, float]) -> None:
        bar.set_postfix(loss=f"{losses['loss']:.4g}", refresh=False)
        bar.update()

    return action


def _log_losses(log: Log, upsampler: keras.Model, every: int) -> Action:
    def action(step: int, losses: dict[str, float]) -> None:
        if step % every == 0:
            log.losses(step, losses)
            upsampler.reset_metrics()

    return action


def _save_sometimes(save: Callable[[int], None], experiment: Experiment) -> Action:
    def action(step: int, losses: dict[str, float]) -> None:
        if step % experiment.checkpoint_every == 0 or step == experiment.steps:
            save(step)

    return action


def _end(
    signals: Signals,
    checkpoints: Checkpoints,
    save: Callable[[int], None],
    run_dir: Path,
    step: int,
) -> None:
    """Save and end, if a signal has asked for this."""
    if signals.waiting:
        if checkpoints.step != step:
            save(step)
        print(
            f"\n{run_dir} is saved at step {step}; "
            f"python -m tfsr.train --run_dir {run_dir} goes on from there",
            flush=True,
        )
        signals.deliver()


def _is_validated_at(step: int, experiment: Experiment) -> bool:
    """Whether a step is the end of one of the `intervals`."""
    return step > 0 and (step % experiment.validate_every == 0 or step == experiment.steps)


def _validate(experiment: Experiment, log: Log, step: int) -> None:
    """Validate, if there are validation recordings."""
    upsampler, data = experiment.upsampler, experiment.data
    if data.recordings("validation"):
        dataset = data.validation()
        means = upsampler.evaluate(dataset, verbose=0, return_dict=True)
        first = next(iter(dataset))
        low, high = (first[name][0].numpy() for name in ("low", "high"))
        log.validation(step, means, upsampler, low, high)
        upsampler.reset_metrics()


@contextlib.contextmanager
def _folder_to_write(run_dir: Path, strategy: tf.distribute.Strategy) -> Iterator[Path]:
    """The run directory for the chief; a temporary one for others, which must join in saving."""
    if distribution.is_chief(strategy):
        yield run_dir
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
