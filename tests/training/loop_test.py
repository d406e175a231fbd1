"""Training as a user runs it: killed, resumed, poisoned, on several devices."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import gin
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tf_keras as keras

from tfsr import gin_config
from tfsr.errors import UserError
from tfsr.folder_lock import LOCK
from tfsr.training import distribution, events, log, loop, provenance
from tfsr.upsamplers.base import Upsampler

STEPS = 24
LONGER = (
    *("STEPS = 150", "experiment.Experiment.checkpoint_every = 5"),
    "experiment.Experiment.validate_every = 1000",  # which takes longer than all steps
)
NO_DROPOUT = ("STEPS = 6", "audiounet.AudioUNet.dropout = 0.0")
TINY = [
    *("PATCH = 512", "BATCH = 4", f"STEPS = {STEPS}", "LEARNING_RATE = 1e-3"),
    "experiment.Experiment.log_every = 1",
    "experiment.Experiment.checkpoint_every = 2",
    "experiment.Experiment.validate_every = 12",
]


SMALL = {
    "audiounet": ["FILTERS = (4, 4)"],
    "audiounetgan": [
        *("FILTERS = (4,)", "CRITIC_FILTERS = 2", "critics.SrganCritic.blocks = 1"),
        *("adversarial.Adversarial.updates = 2", "audiounet.KingAudioUNet.dropout = 0.0"),
    ],
    "mugan_autoencoder": ["DOWN = ((1, 1, 1, 1),)", "UP = ((1, 1, 1, 1),)"],
    "mugan": [
        *("DOWN = ((1, 1, 1, 1),)", "UP = ((1, 1, 1, 1),)"),
        *("AE_DOWN = ((1, 1, 1, 1),)", "AE_UP = ((1, 1, 1, 1),)"),
        "mugan.MUDiscriminator.filters = ((1, 1, 1, 1), (1, 1, 1, 1))",
        "mugan.MUDiscriminator.width = 4",
    ],
}


def command(recordings: Path, run_dir: Path, *more: str, config: str = "audiounet") -> list[str]:
    settings = [f"--gin_param={setting}" for setting in [*TINY, *SMALL[config], *more]]
    flags = [f"--gin=configs/{config}.gin", f"--run_dir={run_dir}", f"--data={recordings}"]
    return ["-m", "tfsr.train", *flags, *settings, "--noevaluate"]


def trained(recordings: Path, run_dir: Path, config: str, *more: str) -> Upsampler:
    """Train in this process."""
    settings = [*TINY, *SMALL[config], f"DATA = {str(recordings)!r}", *more]
    built = gin_config.experiment([f"configs/{config}.gin"], settings)
    gin.clear_config()
    built.upsampler.initialize()
    loop.train(built, run_dir, tf.distribute.get_strategy())
    return built.upsampler


def lines(run_dir: Path) -> list[list[str]]:
    return list(csv.reader((run_dir / "logs" / "losses.csv").open()))


@pytest.fixture(scope="module")
def without_dropout(succeed, recordings, tmp_path_factory):
    """What several devices, and several workers, are held against."""
    run_dir = tmp_path_factory.mktemp("runs") / "alone"
    succeed(*command(recordings, run_dir, *NO_DROPOUT))
    return run_dir


@pytest.fixture(scope="module")
def undisturbed(succeed, recordings, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "undisturbed"
    succeed(*command(recordings, run_dir))
    return run_dir


def test_every_step_is_logged_once(undisturbed):
    names, *rows = lines(undisturbed)
    assert names == ["step", "loss", "rmse"]
    assert [int(row[0]) for row in rows] == list(range(1, STEPS + 1))


@pytest.mark.usefixtures("eagerly", "without_pictures")
def test_what_ctrl_c_ended_goes_on_as_if_nothing_had_been(
    recordings, tmp_path, monkeypatch, capsys
):
    """In the midst of losses that are averaged, and in the last step before a validation."""
    settings = [
        *("STEPS = 8", "experiment.Experiment.log_every = 3"),
        *("experiment.Experiment.checkpoint_every = 3", "experiment.Experiment.validate_every = 6"),
    ]
    whole = trained(recordings, tmp_path / "whole", "audiounet", *settings)

    def ctrl_c(step: int, losses: dict[str, float]) -> None:
        if step in ends:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop, "_show", lambda bar: ctrl_c)
    for ends in [2], [6]:
        with pytest.raises(KeyboardInterrupt):
            trained(recordings, tmp_path / "ended", "audiounet", *settings)
        assert f"ended is saved at step {ends[0]}; python -m" in capsys.readouterr().out
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ends = []
    resumed = trained(recordings, tmp_path / "ended", "audiounet", *settings)
    for kind in "losses", "validation":
        one, other = (tmp_path / name / "logs" / f"{kind}.csv" for name in ("whole", "ended"))
        assert list(csv.reader(one.open())) == list(csv.reader(other.open()))
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def contents(folder: Path) -> dict[str, bytes]:
    """All files, but for the times of events."""
    found = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    name = folder / "logs" / events.NAME
    for event in (timeless := list(tf.compat.v1.train.summary_iterator(str(name)))):
        event.wall_time = 0
    found[name] = repr(timeless).encode()
    return {str(path.relative_to(folder)): content for path, content in found.items()}


INSTANTS = {
    "in a checkpoint": (os, "replace", "/checkpoints/.checkpoint."),
    "as the model is replaced": (os, "replace", "/.model."),
    "in its validation": (log.Log, "_line", "validation"),
}


@pytest.mark.usefixtures("eagerly")
def test_killed_as_files_are_written_it_ends_with_the_same(recordings, tmp_path, monkeypatch):
    """What SIGKILL leaves is what lies there: a copy of the folder, here at the last step."""
    monkeypatch.setattr(log, "spectrogram_row", lambda *_: np.zeros([2, 2, 3], np.uint8))
    every_step = [f"experiment.Experiment.{name} = 1" for name in ("checkpoint_every", "keep")]
    settings = ["STEPS = 2", *every_step]

    def train(name: str) -> None:
        keras.backend.clear_session()  # names of layers, as in a process of its own
        trained(recordings, tmp_path / name, "audiounet", *settings)

    def copying(original: Callable, name: str, where: str) -> Callable:
        def call(*given):
            if where in " ".join(map(str, given)):
                shutil.rmtree(tmp_path / name, ignore_errors=True)
                shutil.copytree(tmp_path / "whole", tmp_path / name)
            return original(*given)

        return call

    with monkeypatch.context() as patched:
        for name, (place, attribute, where) in INSTANTS.items():
            patched.setattr(place, attribute, copying(getattr(place, attribute), name, where))
        train("whole")
    expected = contents(tmp_path / "whole")
    for name in INSTANTS:
        before = contents(tmp_path / name)
        assert before != expected
        train(name)
        assert contents(tmp_path / name) == expected, name


def test_sigterm_ends_a_training_with_143(start, recordings, tmp_path):
    program = start(*command(recordings, tmp_path / "run", *LONGER))
    wait_for(1, program, tmp_path / "run")
    os.kill(program.pid, signal.SIGTERM)
    ended = program.wait()
    assert (ended.returncode, "Traceback" in ended.stderr) == (143, False)
    (step,) = re.findall(r"run is saved at step (\d+); python -m", ended.stdout)
    assert (tmp_path / "run" / "checkpoints" / f"step-{step}.index").exists()


def test_a_second_training_in_one_folder_is_refused(start, run, recordings, tmp_path):
    flags = command(recordings, tmp_path / "run", *LONGER)
    first = start(*flags)
    wait_for(2, first, tmp_path / "run")
    second = run(*flags)
    assert not first.over, "the run was over too early for this test to mean anything"
    first.kill()
    assert second.returncode == 2
    (told,) = second.stderr.splitlines()
    assert told.startswith(f"tfsr: {tmp_path / 'run'}: another training is at work there; wait")


def wait_for(step: int, process, run_dir: Path) -> None:
    """Until it is logged by this process."""
    before = logged(run_dir / "logs")
    while not process.over and logged(run_dir / "logs") < max(step, before + 1):
        time.sleep(0.01)


def logged(logs: Path) -> int:
    """Steps whose losses are there."""
    path = logs / "losses.csv"
    return max(path.read_text().count("\n") - 1, 0) if path.exists() else 0


def test_goes_on_to_more_steps_from_the_run_directory_alone(succeed, undisturbed, tmp_path):
    run_dir = shutil.copytree(undisturbed, tmp_path / "run")
    more = [f"--run_dir={run_dir}", "--noevaluate", f"--gin_param=STEPS={STEPS + 3}"]
    assert provenance.one_dnn() in succeed("-m", "tfsr.train", *more).splitlines()
    assert [int(line[0]) for line in lines(run_dir)[1:]] == list(range(1, STEPS + 4))


def test_fewer_steps_than_a_run_has_are_refused(run, undisturbed, tmp_path):
    run_dir = shutil.copytree(undisturbed, tmp_path / "run")
    before = (run_dir / "operative_config.gin").read_bytes()
    done = run("-m", "tfsr.train", f"--run_dir={run_dir}", f"--gin_param=STEPS={STEPS - 1}")
    assert done.returncode == 2
    assert f"steps is {STEPS - 1}, and {run_dir} has reached step {STEPS} already" in done.stderr
    assert (run_dir / "operative_config.gin").read_bytes() == before


@pytest.mark.usefixtures("eagerly", "without_pictures")
def test_a_run_that_goes_on_with_other_sums_says_so(recordings, tmp_path, monkeypatch, caplog):
    def train(steps: int) -> list[str]:
        trained(recordings, tmp_path / "run", "audiounet", f"STEPS = {steps}")
        return caplog.messages

    train(2)
    on = distribution.one_dnn_is_on()
    monkeypatch.setattr(distribution, "one_dnn_is_on", lambda: not on)
    assert train(2) == []  # which was at its end
    (told,) = train(3)
    assert told.startswith(f"{tmp_path / 'run'} was trained with oneDNN ")


def test_pictures_and_sounds_are_logged_at_each_validation(undisturbed):
    (events,) = (undisturbed / "logs").glob("events.*")
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert {"losses/loss", "losses/rmse", "validation/loss"} <= tags
    assert {"low, estimate, high", "low", "estimate", "high"} <= tags


def test_a_corpus_too_small_to_hold_anything_out_trains_all_the_same(succeed, tmp_path):
    (tmp_path / "one").mkdir()
    soundfile.write(
        tmp_path / "one" / "a.wav", np.random.default_rng(0).normal(0, 0.1, 9000), 16000
    )
    flags = command(tmp_path / "one", tmp_path / "run", "STEPS = 2")[:-1]
    assert "nothing to evaluate" in succeed(*flags)
    assert len(lines(tmp_path / "run")) == 3


def test_other_settings_in_the_same_run_directory_are_refused(run, recordings, undisturbed):
    done = run(*command(recordings, undisturbed, "BATCH = 2"))
    assert done.returncode == 2
    assert "BATCH = 4, not 2" in done.stderr


def test_a_loss_that_is_not_finite_stops_with_step_and_files(recordings, tmp_path):
    with pytest.raises(UserError, match="step 2: loss, rmse is not finite.*word"):
        trained(recordings, tmp_path / "run", "audiounet", "LEARNING_RATE = 1e30")


def on_devices(count: int, flags: list[str], eagerly: bool = False) -> list[str]:
    """A training command with MirroredStrategy on so many logical CPU devices."""
    program = (
        "import tensorflow as tf\n"
        f"tf.config.run_functions_eagerly({eagerly})\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        f"tf.config.set_logical_device_configuration(cpu, "
        f"[tf.config.LogicalDeviceConfiguration()] * {count})\n"
        "from tfsr import command, train\n"
        "from tfsr.training import distribution\n"
        f"names = [f'CPU:{{i}}' for i in range({count})]\n"
        "distribution.strategy = lambda: tf.distribute.MirroredStrategy(names)\n"
        "command.run(train.main)\n"
    )
    return ["-c", program, *flags[2:]]


def test_two_devices_train_like_one(succeed, recordings, without_dropout, tmp_path):
    """The mean over the global batch does not depend on how many share it (no dropout here)."""
    succeed(*on_devices(2, command(recordings, tmp_path / "two", *NO_DROPOUT)))
    losses = [
        [float(line[1]) for line in lines(run_dir)[1:]]
        for run_dir in (without_dropout, tmp_path / "two")
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_a_gan_trains_on_two_devices(succeed, recordings, tmp_path):
    """The mixtures of the gradient penalty differ, what the first update starts from does not."""
    first = []
    for devices in (1, 2):
        run_dir = tmp_path / str(devices)
        flags = command(recordings, run_dir, "STEPS=2", config="audiounetgan")
        succeed(*on_devices(devices, flags, eagerly=True))
        names, *rows = lines(run_dir)
        assert len(rows) == 2 and np.all(np.isfinite(np.array(rows, float)))
        first.append(float(rows[0][names.index("l1")]))
    np.testing.assert_allclose(*first, rtol=1e-5)


@pytest.mark.usefixtures("eagerly", "without_pictures")
def test_a_network_begins_with_the_weights_of_another_run(recordings, tmp_path):
    def run(config: str, name: str, *more: str):
        return trained(recordings, tmp_path / name, config, "STEPS = 2", *more)

    encoder = run("mugan_autoencoder", "ae").network
    other = f"AUTOENCODER = {str(tmp_path / 'ae')!r}"
    begun = run("mugan", "gan", other)
    for theirs, ours in zip(encoder.weights, begun.features.weights, strict=True):
        np.testing.assert_array_equal(theirs, ours)
    by_folder = run("mugan", "by_folder", f"AUTOENCODER = {str(tmp_path / 'ae' / 'model')!r}")
    for theirs, ours in zip(begun.features.weights, by_folder.features.weights, strict=True):
        np.testing.assert_array_equal(theirs, ours)

    # Without a step, what was brought together is a run for use.
    run("mugan", "parts", "STEPS=0", other)
    assert [path.name for path in (tmp_path / "parts" / "checkpoints").glob("*.index")] == [
        "step-0.index"
    ]

    (tmp_path / "ae").rename(tmp_path / "elsewhere")  # a run that has begun needs it no more
    resumed = run("mugan", "gan", other)
    for theirs, ours in zip(encoder.weights, resumed.features.weights, strict=True):
        np.testing.assert_array_equal(theirs, ours)
    with pytest.raises(
        UserError, match="no preset .tfsr list.*train one first, or name another in"
    ):
        run("mugan", "new", other)


def test_two_workers_train_like_one_and_only_the_chief_writes(
    start, recordings, without_dropout, tmp_path
):
    programs = two_workers(start, command(recordings, tmp_path / "both", *NO_DROPOUT))
    assert [program.wait().returncode for program in programs] == [0, 0]
    losses = [
        [float(line[1]) for line in lines(run_dir)[1:]]
        for run_dir in (without_dropout, tmp_path / "both")
    ]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert {path.name for path in (tmp_path / "both").iterdir()} == {
        *("operative_config.gin", "versions.json", "data.json", "checkpoints", "logs", "model"),
        LOCK,
    }


@pytest.mark.long
def test_a_killed_worker_ends_the_other_and_both_started_again_go_on(start, recordings, tmp_path):
    """First the one that only computes is killed, then the chief."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = (*LONGER, f"STEPS = {(steps := 60)}")
    for program in two_workers(start, command(recordings, whole, *settings)):
        assert program.wait().returncode == 0
    flags = command(recordings, killed, *settings)
    for step, index in (8, 1), (33, 0):
        programs = two_workers(start, flags)
        wait_for(step, programs[0], killed)
        programs[index].kill()
        ended = programs[1 - index].wait()
        assert logged(killed / "logs") < steps, "it was over too early to be killed"
        told = [line for line in re.split(r"[\r\n]", ended.stderr) if line.startswith("tfsr: ")]
        assert (ended.returncode, len(told), "Traceback" in ended.stderr) == (2, 1, False)
        assert told[0].startswith(f"tfsr: {killed}: another worker of TF_CONFIG is gone (")
    programs = two_workers(start, flags)
    assert [program.wait().returncode for program in programs] == [0, 0]
    assert lines(killed) == lines(whole)


def two_workers(start: Callable, flags: list[str]) -> list:
    """Two programs on this machine that train together; the first is the chief."""
    workers = [f"localhost:{port}" for port in free_ports(2)]
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    configs = [json.dumps({"cluster": {"worker": workers}, "task": task}) for task in tasks]
    return [start(*flags, TF_CONFIG=config) for config in configs]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.mark.parametrize(("start", "stop", "every"), [(0, 10, 4), (3, 10, 4), (10, 10, 4)])
def test_intervals_cover_every_step_once(start, stop, every):
    covered = [step for a, b in loop.intervals(start, stop, every) for step in range(a, b)]
    assert covered == list(range(start, stop))
    assert all(b % every == 0 or b == stop for _, b in loop.intervals(start, stop, every))
