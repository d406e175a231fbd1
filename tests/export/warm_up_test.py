import collections

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfsr.export import warm_up
from tfsr.export.saved_model import export_saved_model, signatures
from tfsr.upsamplers.base import Signature
from tfsr.upsamplers.interpolation import Interpolation

# Samples at 8 kHz, by recordings.
WHOLE = [(1, 2000), (1, 8000), (1, 32000), (4, 2000)]


@pytest.fixture
def made():
    """The inputs of an upsampler's requests, in lists by signature."""

    def requests(upsampler):
        found = collections.defaultdict(list)
        for name, inputs in warm_up.requests(upsampler, signatures(upsampler)):
            found[name].append(inputs)
        return found

    return requests


def test_speech_in_lengths_and_batches(upsamplers, made):
    requests = made(upsamplers["unet"])["serving_default"]
    assert [inputs["audio"].shape for inputs in requests] == WHOLE
    for inputs in requests:
        assert set(inputs) == {"audio"} and inputs["audio"].dtype == np.float32
        assert (np.abs(inputs["audio"]).max(axis=1) > 0.01).all()
    batch = requests[-1]["audio"]
    assert len(np.unique(batch, axis=0)) == 4


def test_numbers_have_the_shape_that_is_wanted(upsamplers, made):
    requests = made(upsamplers["drawing"])
    assert set(requests) == {"serving_default", "at_rate"}
    inputs = requests["at_rate"][-1]
    assert inputs["seed"].shape == () and inputs["seed"].dtype == np.int32
    assert inputs["rate"].shape == (4,) and (inputs["rate"] == 8000).all()


class Louder(Interpolation):
    """Takes a number of its own for each recording."""

    @property
    def signatures(self):
        audio = {"audio": tf.TensorSpec([None, None]), "gain": tf.TensorSpec([None])}

        def louder(audio, gain):
            return gain[:, tf.newaxis] * self.upsample(audio)

        return {"serving_default": Signature(louder, audio, {"gain": 0.5})}


def test_numbers_are_what_the_signature_gives_as_examples(made):
    requests = made(Louder(8000, 16000))
    for name in "serving_default", "at_rate":
        assert [inputs["gain"].tolist() for inputs in requests[name]] == 3 * [[0.5]] + [4 * [0.5]]
        assert all(inputs["gain"].dtype == np.float32 for inputs in requests[name])


def test_a_stream_goes_on_from_its_own_state(streaming, made):
    requests = made(streaming)
    assert [inputs["stream"].shape for inputs in requests["initial_state"]] == [(1,), (4,)]
    steps = requests["step"]
    for batch, (first, second) in (1, steps[:2]), (4, steps[2:]):
        assert first["audio"].shape == (batch, streaming.hop)
        assert not np.array_equal(first["audio"], second["audio"])
        expected = streaming.step(tf.constant(first["audio"]), streaming.initial_state(batch))[1]
        assert set(second) == {"audio", *expected}
        for name, value in expected.items():
            assert not first[name].any()
            np.testing.assert_allclose(second[name], value, rtol=0, atol=1e-6)


def test_the_file_holds_prediction_logs(upsamplers, tmp_path):
    drawing = upsamplers["drawing"]
    warm_up.write(drawing, drawing.signatures, tmp_path)
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    expected = list(warm_up.requests(drawing, drawing.signatures))
    assert len(records) == len(expected) <= 1000
    for record, (name, inputs) in zip(records, expected, strict=True):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.signature_name == name and request.model_spec.name
        assert set(request.inputs) == set(inputs)
        for key, value in inputs.items():
            np.testing.assert_array_equal(tf.make_ndarray(request.inputs[key]), value)


def test_an_export_may_go_without(tmp_path):
    export_saved_model(Interpolation(8000, 16000), tmp_path / "1", warm_up_requests=False)
    assert [path.name for path in (tmp_path / "1" / "assets.extra").iterdir()] == ["tfsr.json"]
