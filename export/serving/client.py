"""Send a recording to TensorFlow Serving and write what the model makes of it.

    python client.py call.wav -o wide.wav --model wide
    python client.py call.wav -o wide.wav --model wide --grpc localhost:8500
    python client.py call.wav -o wide.wav --model diffusion --set steps=8 --set seed=3

Calls the signature "at_rate" of a SavedModel that tfsr exported, the channels as the batch. Needs
numpy and soundfile, and tensorflow-serving-api (with TensorFlow) for --grpc. Mistakes are one line,
and exit code 2.
"""

import argparse
import http.client
import json
import math
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import soundfile

SIGNATURE = "at_rate"
_EXTENSIONS = ".wav", ".flac"
_TYPES = {"DT_INT32": np.int32, "DT_FLOAT": np.float32}

# What a server says that batched requests of different lengths, and how long to wait then.
_COLLISION = "different shapes and padding is turned off"
_WAITS = 0.05, 0.1, 0.2, 0.4, 0.8


Inputs = dict[str, tuple[int, type]]
"""How many axes each input of the signature has, and its type."""


class Problem(Exception):
    """One line for the person at the keyboard."""


class Rest:
    """A model behind the REST interface."""

    def __init__(self, url: str, model: str, timeout: float):
        self._place = f"{url.rstrip('/')}/v1/models/{urllib.parse.quote(model)}"
        self._timeout = timeout

    def inputs(self) -> Inputs:
        found = self._answer("/metadata")["metadata"]["signature_def"]["signature_def"]
        return {
            name: (len(about["tensor_shape"].get("dim", [])), _TYPES[about["dtype"]])
            for name, about in _signature(found)["inputs"].items()
        }

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        # Nine decimals tell 24-bit samples apart (1.2e-7), in half the text that doubles take.
        values = {
            name: (np.round(np.float64(x), 9) if x.dtype.kind == "f" else x).tolist()
            for name, x in inputs.items()
        }
        outputs = self._answer(":predict", {"signature_name": SIGNATURE, "inputs": values})
        # The name of an output that is the only one is left out.
        outputs = outputs["outputs"]
        return np.float32(outputs["audio"] if isinstance(outputs, dict) else outputs)

    def _answer(self, what: str, question: dict | None = None) -> dict:
        body = None if question is None else json.dumps(question, separators=(",", ":")).encode()
        try:
            with urllib.request.urlopen(self._place + what, body, self._timeout) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            raise Problem(f"{self._place}: {_reason(error)}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Problem(f"{self._place}: no answer ({_one_line(error)})") from error


class Grpc:
    """A model behind the gRPC interface."""

    def __init__(self, address: str, model: str, timeout: float):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError as error:
            raise Problem("--grpc needs: pip install tensorflow-serving-api") from error
        sizes = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        channel = grpc.insecure_channel(address, options=sizes)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._failure = grpc.RpcError
        self._place = f"{model} at {address}"
        self._model, self._timeout = model, timeout

    def inputs(self) -> Inputs:
        from tensorflow.core.framework import types_pb2
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        reply = self._answer(self._stub.GetModelMetadata, request)
        found = get_model_metadata_pb2.SignatureDefMap()
        reply.metadata["signature_def"].Unpack(found)
        return {
            name: (len(about.tensor_shape.dim), _TYPES[types_pb2.DataType.Name(about.dtype)])
            for name, about in _signature(found.signature_def).inputs.items()
        }

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = SIGNATURE
        for name, x in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(x))
        reply = self._answer(self._stub.Predict, request)
        return tf.make_ndarray(reply.outputs["audio"])

    def _answer(self, call, request):
        request.model_spec.name = self._model
        try:
            return call(request, timeout=self._timeout)
        except self._failure as error:
            code, details = error.code().name, _one_line(error.details())
            raise Problem(f"{self._place}: {details} ({code})") from error


def upsample(
    model: Rest | Grpc, audio: np.ndarray, numbers: dict[str, str], exact_length: bool = False
) -> np.ndarray:
    """From float32 [batch, time] to what the model answers, [batch, ratio * time].

    Args:
        numbers: the other inputs; where the model has axes for them, all recordings have the same.
        exact_length: whether the samples are sent without silence after them.
    """
    time = audio.shape[1]
    if not exact_length:
        audio = np.pad(audio, [(0, 0), (0, sent_length(time) - time)])
    wanted = model.inputs()
    del wanted["audio"]
    numbers = {name: numbers[name] for name in numbers if name in wanted or name != "seed"}
    if set(numbers) != set(wanted):
        names = ", ".join(sorted(wanted)) or "none"
        raise Problem(f"the model takes the numbers {names}: give each but the rate by --set")
    inputs = {
        name: _filled(name, numbers[name], [len(audio)] * axes, kind)
        for name, (axes, kind) in wanted.items()
    }
    high = _patiently(model, {"audio": audio} | inputs)
    if high.shape[0] != len(audio) or high.shape[1] % audio.shape[1] or not high.size:
        raise Problem(
            f"{list(audio.shape)} samples became {list(high.shape)}, which is no whole multiple of "
            "the rate: does the server pad (pad_variable_length_inputs)?"
        )
    return high[:, : high.shape[1] // audio.shape[1] * time]


def sent_length(time: int) -> int:
    """The next of eight lengths an octave: few, and at most an eighth longer.

    With oneDNN, TensorFlow keeps up to 1,024 primitives of each kind. Each new length makes more.
    """
    step = 1 << max(0, time.bit_length() - 4)
    return -(-time // step) * step


def _filled(name: str, number: str, shape: list[int], kind: type) -> np.ndarray:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if kind is np.int32 and not (value.is_integer() and abs(value) < 2**31) or math.isnan(value):
        raise Problem(f"{name} must be a number of the type {kind.__name__}, not {number}")
    return np.full(shape, value, kind)


def _patiently(model: Rest | Grpc, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Ask again where the recording was batched with others of different lengths."""
    for wait in _WAITS:
        try:
            return model.predict(inputs)
        except Problem as problem:
            if _COLLISION not in str(problem):
                raise
        time.sleep(random.uniform(0, wait))
    return model.predict(inputs)


def read(path: Path) -> tuple[np.ndarray, int]:
    """float32 [channels, time], and the rate in Hz."""
    if not path.is_file():
        raise Problem(f"{path}: no such file")
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise Problem(f"{path}: cannot be read ({_one_line(error)})") from error
    if not len(audio):
        raise Problem(f"{path}: has no samples")
    return audio.T, rate


def write(path: Path, audio: np.ndarray, rate: int) -> None:
    """[channels, time], with 16 bits; the file appears when it is complete."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        soundfile.write(part, audio.T, rate, subtype="PCM_16")
        os.replace(part, path)
    except (OSError, soundfile.SoundFileError) as error:
        raise Problem(f"{path}: cannot be written ({_one_line(error)})") from error
    finally:
        part.unlink(missing_ok=True)


def _signature(signatures):
    if SIGNATURE not in signatures:
        known = ", ".join(sorted(signatures))
        raise Problem(f"the model has no signature {SIGNATURE!r} (only {known}): export it again")
    return signatures[SIGNATURE]


def _reason(error: urllib.error.HTTPError) -> str:
    """What the server says; something else than TensorFlow Serving may not say it in JSON."""
    try:
        return _one_line(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code} {error.reason}"


def _one_line(text) -> str:
    """Without the places in the graph that TensorFlow names around a message."""
    text = str(text).split("[[{{")[0]
    _, asserted, message = text.partition("assertion failed:")
    text = message.replace("[", "").replace("]", "") if asserted else text
    return " ".join(text.split())


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", type=Path, help="a WAV or FLAC file at the model's input rate")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .wav or .flac file")
    parser.add_argument("--model", required=True, help="its name in models.config")
    parser.add_argument("--url", default="http://localhost:8501", help="REST (%(default)s)")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="use gRPC there instead of REST")
    parser.add_argument(
        "--set",
        metavar="NAME=NUMBER",
        type=_setting,
        action="append",
        default=[],
        help="what else the model takes, such as seed (0 unless given) or steps; may repeat",
    )
    parser.add_argument(
        "--exact_length",
        action="store_true",
        help="send no silence after the recording; a server needs memory for each new length",
    )
    parser.add_argument("--timeout", type=float, default=120, help="seconds (%(default)s)")
    return parser.parse_args(argv)


def _setting(text: str) -> tuple[str, str]:
    name, equals, number = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is no NAME=NUMBER")
    return name, number


def main(argv: list[str] | None = None) -> int:
    given = _arguments(argv)
    try:
        if given.output.suffix.lower() not in _EXTENSIONS:
            raise Problem(f"{given.output}: give a name that ends in {' or '.join(_EXTENSIONS)}")
        audio, rate = read(given.input)
        kind, place = (Grpc, given.grpc) if given.grpc else (Rest, given.url)
        numbers = {"seed": "0"} | dict(given.set) | {"rate": str(rate)}
        model = kind(place, given.model, given.timeout)
        high = upsample(model, audio, numbers, given.exact_length)
        write(given.output, high, rate * (high.shape[1] // audio.shape[1]))
    except Problem as problem:
        print(f"client: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
