import tensorflow as tf

from tfsr.export import batching
from tfsr.upsamplers.base import Signature


def test_a_regression_can_be_batched(upsamplers, at_rate, batching_parameters, tmp_path):
    unet = upsamplers["unet"]
    batching.write({**unet.signatures, "at_rate": at_rate(unet)}, tmp_path)
    parameters = batching_parameters((tmp_path / "batching_params.pbtxt").read_text())
    assert parameters.max_batch_size.value == 32
    assert not parameters.pad_variable_length_inputs
    # Threads are the server's, for all models together.
    assert not parameters.HasField("num_batch_threads")


def test_numbers_without_axes_cannot(upsamplers, at_rate, streaming, tmp_path):
    unet = upsamplers["unet"]
    for signatures in (
        {**unet.signatures, "at_rate": at_rate(unet, batched=False)},
        upsamplers["drawing"].signatures,
        streaming.signatures,
    ):
        batching.write(signatures, tmp_path)
        assert not list(tmp_path.iterdir())


def test_neither_can_what_has_another_axis_in_front():
    noise = {"noise": tf.TensorSpec([2, None, None])}
    assert not batching.batchable({"with_noise": Signature(lambda noise: noise[0], noise)})
