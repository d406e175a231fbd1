import numpy as np
import pytest
import tensorflow as tf

from tfsr.training import events


@pytest.fixture
def path(tmp_path):
    """With the numbers of steps 1 to 3, and a picture and a sound of step 3."""
    path = tmp_path / events.NAME
    for step in (1, 2, 3):
        events.append(path, step, [events.scalar("losses/loss", step / 2)])
    shown = [events.image("picture", np.full([4, 6, 3], 9, np.uint8))]
    events.append(path, 3, [*shown, events.audio("sound", np.zeros(80, np.float32), 8000)])
    return path


def read(path) -> list[tuple[int, str]]:
    """Step and name of each value, as TensorFlow reads them, sums checked."""
    found = list(tf.compat.v1.train.summary_iterator(str(path)))
    assert [event.file_version for event in found if event.file_version] == ["brain.Event:2"]
    return [(event.step, value.tag) for event in found for value in event.summary.value]


LOSSES = [(step, "losses/loss") for step in (1, 2, 3)]


def test_tensorflow_reads_it(path):
    assert read(path) == [*LOSSES, (3, "picture"), (3, "sound")]
    *_, last = tf.compat.v1.train.summary_iterator(str(path))
    picture, sound = last.summary.value
    assert np.all(tf.io.decode_png(picture.image.encoded_image_string) == 9)
    assert tf.audio.decode_wav(sound.audio.encoded_audio_string)[0].shape == (80, 1)


def test_what_is_not_kept_is_taken_out(path):
    events.cut(path, lambda step, name: name == "losses/loss")
    assert read(path) == LOSSES
    events.cut(path, lambda step, name: step < 2)
    assert read(path) == LOSSES[:1]
    events.append(path, 2, [events.scalar("losses/loss", 1.0)])
    assert read(path) == LOSSES[:2]


@pytest.mark.parametrize("lost", [1, 5, 150])
def test_what_a_kill_has_cut_is_taken_out(path, lost):
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    events.cut(path, lambda step, name: True)
    assert read(path) == LOSSES
    assert whole.startswith(path.read_bytes())


@pytest.mark.parametrize("before", [29, 10])  # in a length, and in an event
def test_what_is_damaged_is_taken_out(path, before):
    content = bytearray(path.read_bytes())
    place = content.index(b"losses/loss", content.index(b"losses/loss") + 1) - before
    content[place : place + 8] = b"\xff" * 8
    path.write_bytes(content)
    events.cut(path, lambda step, name: True)
    assert read(path) == LOSSES[:1]


def test_there_may_be_none(tmp_path):
    events.cut(tmp_path / "none", lambda step, name: True)
    assert not list(tmp_path.iterdir())
