"""The requests that TensorFlow Serving runs on a model before it serves it.

So no user waits for what TensorFlow sets up at the first call of a function. Only this module uses
tensorflow-serving-api.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tfsr.data.bundled import Bundled
from tfsr.upsamplers.base import Signature, Upsampler

REQUESTS = Path("assets.extra", "tf_serving_warmup_requests")
"""Where the server looks for them in a SavedModel: a TFRecord of at most 1000 `PredictionLog`."""

Request = tuple[str, dict[str, np.ndarray]]
"""A signature's name and its inputs."""

_SHAPES = (0.25, 1), (1.0, 1), (4.0, 1), (0.25, 4)  # seconds, recordings
_STREAMS = 1, 4


def write(
    upsampler: Upsampler, signatures: Mapping[str, Signature], folder: str | os.PathLike
) -> None:
    """Write `requests` into a SavedModel's folder."""
    path = Path(folder, REQUESTS)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests(upsampler, signatures):
            writer.write(_log(*request).SerializeToString())


def requests(upsampler: Upsampler, signatures: Mapping[str, Signature]) -> Iterator[Request]:
    """Bundled speech in several lengths and batch sizes, and beginnings of streams.

    They are for "serving_default", "at_rate", "initial_state" and "step", if these exist.
    """
    speech = _speech(upsampler.input_rate)
    for name in ("serving_default", "at_rate"):
        if name in signatures:
            for seconds, batch in _SHAPES:
                samples = max(1, round(seconds * upsampler.input_rate))
                audio = _excerpts(speech, samples, batch)
                yield name, {"audio": audio} | _examples(signatures[name], batch)
    if upsampler.streams is not None:
        for batch in _STREAMS:
            frames = np.split(_excerpts(speech, 2 * upsampler.streams.hop, batch), 2, axis=1)
            yield from _stream(signatures, frames)


def _stream(signatures: Mapping[str, Signature], frames: list[np.ndarray]) -> Iterator[Request]:
    begin, step = signatures["initial_state"], signatures["step"]
    batch = len(frames[0])
    asked = _examples(begin, batch)
    yield "initial_state", asked
    state = _run(begin, asked)
    for frame in frames:
        given = {"audio": frame} | state
        yield "step", given
        state = _run(step, given)
        del state["audio"]


def _run(signature: Signature, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    outputs = signature.function(**{name: tf.constant(x) for name, x in inputs.items()})
    return {name: x.numpy() for name, x in outputs.items()}


def _examples(signature: Signature, batch: int) -> dict[str, np.ndarray]:
    """The inputs that are numbers: one for all recordings, or the same for each."""
    given = signature.examples.items()
    return {name: _full(signature.inputs[name], number, batch) for name, number in given}


def _full(spec: tf.TensorSpec, number: float, batch: int) -> np.ndarray:
    return np.full([batch] * spec.shape.rank, number, spec.dtype.as_numpy_dtype)


def _excerpts(speech: np.ndarray, samples: int, batch: int) -> np.ndarray:
    """Excerpts, float32 [batch, samples], from places all over [time]."""
    starts = np.linspace(0, len(speech) - samples, batch, dtype=int)
    return np.stack([speech[start : start + samples] for start in starts])


@functools.lru_cache(maxsize=1)
def _speech(rate: int) -> np.ndarray:
    """Speech, float32 [time], of 7 seconds."""
    recordings = Bundled().recordings("validation")[:2]
    return np.concatenate([recording.read(rate) for recording in recordings])


def _log(signature: str, inputs: dict[str, np.ndarray]) -> prediction_log_pb2.PredictionLog:
    request = predict_pb2.PredictRequest()
    # The server runs it on the model that the file belongs to, whatever the name.
    request.model_spec.name = "tfsr"
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    logged = prediction_log_pb2.PredictLog(request=request)
    return prediction_log_pb2.PredictionLog(predict_log=logged)
