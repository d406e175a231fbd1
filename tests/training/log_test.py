import pytest
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.training import events
from tfsr.training.log import Log, is_validated


def tags(folder) -> list[tuple[int, str]]:
    found = tf.compat.v1.train.summary_iterator(str(folder / events.NAME))
    return [(event.step, value.tag) for event in found for value in event.summary.value]


def test_a_run_that_goes_on_has_each_line_once(tmp_path):
    log = Log(tmp_path, 0)
    for step in (1, 2, 3):
        log.losses(step, {"loss": step / 4})
    log = Log(tmp_path, 2)
    log.losses(3, {"loss": 7})
    assert (tmp_path / "losses.csv").read_bytes() == b"step,loss\n1,0.25\n2,0.5\n3,7.0\n"
    assert tags(tmp_path) == [(step, "losses/loss") for step in (1, 2, 3)]


def test_line_ends_of_earlier_versions_and_half_a_line(tmp_path):
    (tmp_path / "losses.csv").write_bytes(b"step,loss\r\n1,0.25\r\n2,0.5\n3,0.")
    Log(tmp_path, 3).losses(3, {"loss": 0.75})
    assert (tmp_path / "losses.csv").read_bytes() == b"step,loss\n1,0.25\n2,0.5\n3,0.75\n"


def test_a_run_that_begins_anew_may_have_other_losses(tmp_path):
    (tmp_path / "losses.csv").write_text("step,loss,critic\n1,0.25,3.0\n")
    Log(tmp_path, 0).losses(1, {"rmse": 0.5})
    assert (tmp_path / "losses.csv").read_bytes() == b"step,rmse\n1,0.5\n"


@pytest.mark.parametrize("validated", [False, True])
def test_a_validation_without_its_line_is_taken_out(tmp_path, validated):
    for step, name in (2, "losses/loss"), (2, "validation/loss"), (2, "sound"):
        events.append(tmp_path / events.NAME, step, [events.scalar(name, 1.0)])
    Log(tmp_path, 2, validated)
    kept = [(2, "losses/loss"), (2, "validation/loss"), (2, "sound")]
    assert tags(tmp_path) == (kept if validated else kept[:1])


def test_whether_a_step_is_validated(tmp_path):
    assert not is_validated(tmp_path, 2)
    (tmp_path / "validation.csv").write_bytes(b"step,loss\r\n2,0.25\r\n14,0.5")
    assert [step for step in range(20) if is_validated(tmp_path, step)] == [2]


@pytest.mark.parametrize("line", [b"none,0.5", b"", b"\xff\xfe", b"-3,0.5"])
def test_a_damaged_line_is_told(tmp_path, line):
    (tmp_path / "losses.csv").write_bytes(b"step,loss\n" + line + b"\n")
    with pytest.raises(
        UserError, match="losses.csv: has the line .* does not begin with a step; remove it"
    ):
        Log(tmp_path, 3)


@pytest.mark.parametrize("name", ["losses.csv", events.NAME])
def test_a_full_disk_is_told(tmp_path, full_disk, name):
    (tmp_path / "losses.csv").write_text("step,loss\n" + "0,0.5\n" * (47 if ".csv" in name else 1))
    log = Log(tmp_path, 1)
    told = pytest.raises(UserError, match=f"{name}: cannot be written .* make room there")
    with told, full_disk():
        for step in range(9):
            log.losses(step, {"loss": 0.5})
