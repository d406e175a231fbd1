import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.networks.audiounet import AudioUNet
from tfsr.training import run_model
from tfsr.training.checkpoints import Checkpoints, restore
from tfsr.upsamplers.regression import Regression


def trained(steps: int, optimizer=None) -> Regression:
    keras.utils.set_random_seed(0)
    upsampler = Regression(AudioUNet((4, 4)), 8000, 16000, optimizer=optimizer)
    upsampler.initialize()
    upsampler.compile()
    for step in range(steps):
        train_on(upsampler, step)
    return upsampler


def batch(step: int) -> dict[str, tf.Tensor]:
    def noise(time, kind):
        return tf.random.stateless_normal([2, time], seed=[step, kind])

    return {"low": noise(64, 0), "high": noise(128, 1), "seed": tf.constant([[step, 0]] * 2)}


def train_on(upsampler: Regression, step: int) -> None:
    upsampler.fit(tf.data.Dataset.from_tensors(batch(step)), verbose=0)


def values(upsampler) -> list[np.ndarray]:
    return [v.numpy() for v in [*upsampler.variables, *upsampler.updates[0].optimizer.variables]]


def test_weights_optimizer_and_moving_averages_come_back(tmp_path):
    saved = trained(3, keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.5))
    Checkpoints(tmp_path, saved).save(3)
    fresh = trained(0, keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.5))
    assert Checkpoints(tmp_path, fresh).restore(tmp_path, for_training=True) == 3
    for a, b in zip(values(saved), values(fresh), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_averages_are_what_is_used(tmp_path):
    saved = trained(3, keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5))
    Checkpoints(tmp_path / "checkpoints", saved).save(3)
    used = Regression(AudioUNet((4, 4)), 8000, 16000, optimizer=keras.optimizers.Adam(use_ema=True))
    assert restore(used, tmp_path) == 3
    saved.take_averages()
    for a, b in zip(saved.trainable_variables, used.trainable_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_full_disk_is_told_in_one_line(tmp_path, full_disk):
    upsampler = trained(0)
    told = pytest.raises(UserError, match="step 2 cannot be saved .*make room there")
    with told as error, full_disk():
        Checkpoints(tmp_path / "checkpoints", upsampler).save(2)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="model: cannot be written"), full_disk():
        run_model.write(upsampler, tmp_path, 2)
    assert not (tmp_path / "model").exists()


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory) -> tuple[Path, list[np.ndarray]]:
    """A folder with the checkpoints of two steps, and the values of the first."""
    folder, upsampler = tmp_path_factory.mktemp("checkpoints"), trained(1)
    checkpoints = Checkpoints(folder, upsampler)
    checkpoints.save(1)
    first = values(upsampler)
    train_on(upsampler, 7)
    checkpoints.save(2)
    return folder, first


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["cut", "overwritten", "gone"])
def test_a_damaged_checkpoint_is_passed_over(two_steps, tmp_path, part, damage):
    whole, expected = two_steps
    folder = shutil.copytree(whole, tmp_path / "checkpoints")
    file = folder / f"step-2.{part}"
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "overwritten":
        file.write_bytes(content[:100] + bytes(len(content) - 200) + content[-100:])
    else:
        file.unlink()
    fresh = trained(0)
    assert Checkpoints(folder, fresh).restore(folder, for_training=True) == 1
    for a, b in zip(expected, values(fresh), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_one_that_the_disk_does_not_give_stays(two_steps, tmp_path, part):
    folder = shutil.copytree(two_steps[0], tmp_path / "checkpoints")
    closed = folder / f"step-2.{part}"
    closed.unlink()
    closed.symlink_to(closed)  # even the administrator cannot open it
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError, match=f"{closed.name}: cannot be read .*move this checkpoint"):
        Checkpoints(folder, trained(0)).restore(folder, for_training=True)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_run_of_another_model_is_not_begun_anew(tmp_path):
    Checkpoints(tmp_path / "checkpoints", trained(0)).save(1)
    other = Regression(AudioUNet((4, 4, 4)), 8000, 16000)
    other.initialize()
    other.compile()
    checkpoints = Checkpoints(tmp_path / "checkpoints", other)
    with pytest.raises(UserError, match="cannot go on from any checkpoint .*another --run_dir"):
        checkpoints.restore(tmp_path / "checkpoints", for_training=True)


def test_only_the_newest_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, trained(0), keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step)
    assert sorted(p.name for p in tmp_path.glob("*.index")) == ["step-2.index", "step-3.index"]


@pytest.mark.parametrize("for_training", [True, False])
def test_what_a_kill_has_left_goes_when_training_goes_on(tmp_path, for_training):
    upsampler = trained(0)
    Checkpoints(tmp_path, upsampler, keep=1).save(1)
    listed = (tmp_path / "checkpoint").read_text()
    for step in (2, 3):
        Checkpoints(tmp_path, upsampler, keep=9).save(step)
    (tmp_path / "checkpoint").write_text(listed)  # as if killed before the newest was listed
    (tmp_path / "step-4_temp").mkdir()
    for left in "step-4_temp/part-0", "step-4.data-00000-of-00001", "step-5.index", "notes.txt":
        (tmp_path / left).write_text("half")
    before = sorted(tmp_path.iterdir())
    assert Checkpoints(tmp_path, upsampler, keep=2).restore(tmp_path, for_training) == 3
    if for_training:
        ends = "index", "data-00000-of-00001"
        whole = {f"step-{step}.{end}" for step in (2, 3) for end in ends}
        assert {path.name for path in tmp_path.iterdir()} == whole | {"checkpoint", "notes.txt"}
        assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "step-3")
        state = tf.train.get_checkpoint_state(tmp_path)
        assert [Path(path).name for path in state.all_model_checkpoint_paths] == [
            "step-2",
            "step-3",
        ]
    else:
        assert sorted(tmp_path.iterdir()) == before


def test_checkpoints_of_tensorflow_s_manager_are_read(tmp_path):
    """By which earlier versions saved, with a count of their own."""
    saved = trained(1)
    step = tf.Variable(5, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(upsampler=saved, step=step)
    tf.train.CheckpointManager(checkpoint, tmp_path, 3, checkpoint_name="step").save(5)
    fresh = trained(0)
    assert Checkpoints(tmp_path, fresh).restore(tmp_path, for_training=True) == 5
    for a, b in zip(values(saved), values(fresh), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    upsampler = trained(0)
    upsampler.trainable_variables[0].assign(np.nan * upsampler.trainable_variables[0])
    with pytest.raises(UserError, match="step 5.*no longer finite"):
        Checkpoints(tmp_path, upsampler).save(5)
    assert not list(tmp_path.glob("*.index"))


def test_a_run_without_checkpoint_says_so(tmp_path):
    with pytest.raises(UserError, match="no readable checkpoint"):
        restore(trained(0), tmp_path)


def test_what_is_no_checkpoint_is_passed_over(tmp_path):
    upsampler = trained(0)
    Checkpoints(tmp_path / "checkpoints", upsampler).save(4)
    (tmp_path / "checkpoints" / "step-abc.index").write_text("")
    assert restore(upsampler, tmp_path) == 4
