import pytest
import tensorflow as tf

from tfsr.export import batching
from tfsr.export.saved_model import signatures
from tfsr.upsamplers.base import Signature


@pytest.fixture(params=["unet", "streaming"])
def batched(request, upsamplers, streaming):
    return upsamplers.get(request.param, streaming)


def test_regressions_and_streams_can_be_batched(batched, batching_parameters, tmp_path):
    batching.write(signatures(batched), tmp_path)
    parameters = batching_parameters((tmp_path / "batching_params.pbtxt").read_text())
    assert parameters.max_batch_size.value == 32
    assert not parameters.pad_variable_length_inputs
    # Threads are the server's, for all models together.
    assert not parameters.HasField("num_batch_threads")


def test_numbers_without_axes_cannot(upsamplers, tmp_path):
    batching.write(signatures(upsamplers["drawing"]), tmp_path)
    assert not list(tmp_path.iterdir())


def test_neither_can_what_has_another_axis_in_front():
    noise = {"noise": tf.TensorSpec([2, None, None])}
    assert not batching.batchable({"with_noise": Signature(lambda noise: noise[0], noise)})
