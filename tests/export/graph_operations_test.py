import pytest
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.export.graph_operations import require_harmless


class Hostile(tf.Module):
    """Doubles a number, and does something else besides."""

    def __init__(self, deed):
        super().__init__()
        self.deed, self.gain = deed, tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([])])
    def hidden(self, audio):
        self.deed()
        return self.gain * audio

    @tf.function(input_signature=[tf.TensorSpec([])])
    def serve(self, audio):
        return tf.cond(audio > 0, lambda: self.hidden(audio), lambda: audio)


def write():
    tf.io.write_file("written", "by a model")


def read():
    tf.io.read_file("/etc/passwd")


def list_files():
    tf.io.matching_files("/*")


def save():
    tf.raw_ops.SaveV2(prefix="saved", tensor_names=["a"], shape_and_slices=[""], tensors=[1.0])


def run_python():
    tf.numpy_function(lambda: 1.0, [], tf.float32)


def tell():
    tf.print("told")


@pytest.mark.parametrize(
    "deed, name",
    [
        *[(write, "WriteFile"), (read, "ReadFile"), (list_files, "MatchingFiles")],
        *[(save, "SaveV2"), (run_python, "PyFunc"), (tell, "PrintV2")],
    ],
)
def test_what_does_more_than_compute_is_refused(tmp_path, deed, name):
    tf.saved_model.save(Hostile(deed), tmp_path / "model")
    with pytest.raises(UserError, match=rf"model: is not opened, .*{name}"):
        require_harmless(tmp_path / "model")


def test_what_computes_is_not(tmp_path):
    tf.saved_model.save(Hostile(lambda: None), tmp_path / "model")
    require_harmless(tmp_path / "model")


def test_damaged_or_gone(tmp_path):
    with pytest.raises(UserError, match="saved_model.pb: cannot be read"):
        require_harmless(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x0aover")
    with pytest.raises(UserError, match="saved_model.pb: is damaged"):
        require_harmless(tmp_path)
