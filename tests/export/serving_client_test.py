"""export/serving/client.py, against servers that answer as TensorFlow Serving does."""

import concurrent.futures
import copy
import http.server
import importlib.util
import json
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfsr.export.saved_model import save, signatures
from tfsr.upsamplers.base import Signature

CLIENT = Path(__file__).parents[2] / "export" / "serving" / "client.py"
RATE = 8000
COLLISION = "Tensors from different tasks have different shapes and padding is turned off."
HTTP = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "FAILED_PRECONDITION": 412}

# Where neither may be imported.
WITHOUT_TENSORFLOW = """
import runpy, sys
sys.modules.update(dict.fromkeys(["tensorflow", "tensorflow_serving", "grpc", "tfsr"]))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Refusal(Exception):
    """What a server answers instead: gRPC's code and a text."""


class Model:
    """A SavedModel as the server sees it.

    Attributes:
        signature_def: its signatures by name.
        collisions: so many requests will meet others in a batch.
        padding: samples that others in the batch have more.
    """

    collisions = 0
    padding = 0

    def __init__(self, folder: Path):
        file = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        self.signature_def = dict(file.meta_graphs[0].signature_def)
        self._loaded = tf.saved_model.load(str(folder))

    def but(self, **attributes) -> "Model":
        """The same, with other attributes."""
        other = copy.copy(self)
        vars(other).update(attributes)
        return other

    def metadata(self) -> get_model_metadata_pb2.SignatureDefMap:
        return get_model_metadata_pb2.SignatureDefMap(signature_def=self.signature_def)

    def predict(self, signature: str, inputs: dict) -> dict[str, np.ndarray]:
        if self.collisions:
            self.collisions -= 1
            raise Refusal("FAILED_PRECONDITION", COLLISION)
        specs = self.signature_def[signature].inputs
        if set(specs) != set(inputs):
            raise Refusal("INVALID_ARGUMENT", f"input keys are {sorted(inputs)}")
        typed = {name: tf.constant(x, specs[name].dtype) for name, x in inputs.items()}
        typed["audio"] = tf.pad(typed["audio"], [[0, 0], [0, self.padding]])
        try:
            outputs = self._loaded.signatures[signature](**typed)
        except tf.errors.InvalidArgumentError as error:
            raise Refusal("INVALID_ARGUMENT", error.message) from error
        return {name: x.numpy() for name, x in outputs.items()}


class Models(dict):
    def __missing__(self, name: str):
        raise Refusal("NOT_FOUND", f"Servable not found for request: Latest({name})")


def rest_handler(models: Models) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.removeprefix("/v1/models/").removesuffix("/metadata")
            self._answer(lambda: self._metadata(models[name]))

        def do_POST(self):
            name = self.path.removeprefix("/v1/models/").removesuffix(":predict")
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(lambda: self._predict(models[name], question))

        def _metadata(self, model: Model) -> dict:
            found = json_format.MessageToDict(
                model.metadata(),
                including_default_value_fields=True,
                preserving_proto_field_name=True,
            )
            return {"model_spec": {}, "metadata": {"signature_def": found}}

        def _predict(self, model: Model, question: dict) -> dict:
            made = model.predict(question["signature_name"], question["inputs"])
            outputs = {name: x.tolist() for name, x in made.items()}
            return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}

        def _answer(self, answer):
            if "proxy" in self.path:
                return self._send(502, b"<html>Bad Gateway</html>")
            try:
                self._send(200, json.dumps(answer()).encode())
            except Refusal as refusal:
                code, text = refusal.args
                self._send(HTTP[code], json.dumps({"error": text}).encode())

        def _send(self, status: int, body: bytes):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models: Models):
        self._models = models

    def GetModelMetadata(self, request, context):
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        metadata = self._refusing(context, lambda: self._models[request.model_spec.name].metadata())
        response.metadata["signature_def"].Pack(metadata)
        return response

    def Predict(self, request, context):
        inputs = {name: tf.make_ndarray(x) for name, x in request.inputs.items()}
        model, signature = self._models[request.model_spec.name], request.model_spec.signature_name
        outputs = self._refusing(context, lambda: model.predict(signature, inputs))
        response = predict_pb2.PredictResponse()
        for name, x in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(x))
        return response

    def _refusing(self, context, answer):
        try:
            return answer()
        except Refusal as refusal:
            code, text = refusal.args
            context.abort(grpc.StatusCode[code], text)


def louder(audio, rate, sigma, steps):
    return tf.repeat(audio * sigma * tf.cast(steps, tf.float32), 3, axis=1)


LOUDER = {
    **{"audio": tf.TensorSpec([None, None]), "rate": tf.TensorSpec([None], tf.int32)},
    **{"sigma": tf.TensorSpec([]), "steps": tf.TensorSpec([], tf.int32)},
}


@pytest.fixture(scope="module")
def models(upsamplers, tmp_path_factory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    for name in ("unet", "drawing"):
        save(signatures(upsamplers[name]), folder / name)
    known = Models({name: Model(folder / name) for name in ("unet", "drawing")})
    save({"at_rate": Signature(louder, LOUDER)}, folder / "louder")
    known["louder"] = Model(folder / "louder")
    unet = known["unet"]
    known["padding"] = unet.but(padding=100)
    known["older"] = unet.but(
        signature_def={"serving_default": unet.signature_def["serving_default"]}
    )
    return known


@pytest.fixture(scope="module")
def rest(models):
    server = http.server.ThreadingHTTPServer(("localhost", 0), rest_handler(models))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"--url=http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def remote(models):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Servicer(models), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"--grpc=localhost:{port}"
    server.stop(None).wait()


@pytest.fixture(params=["rest", "remote"])
def way(request):
    """The flag that leads to either server."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("serving_client", CLIENT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def call(tmp_path):
    """A recording in stereo, float32 [channels, time], and its file."""
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, [2, 501]).astype(np.float32)
    soundfile.write(tmp_path / "call.wav", audio.T, RATE, subtype="FLOAT")
    return audio, tmp_path / "call.wav"


@pytest.fixture
def fails(client, call, tmp_path, capsys):
    """Runs the client, which must end with one line; gives that."""

    def run(*arguments, source: Path = call[1], output: str = "wide.wav") -> str:
        output = tmp_path / output
        assert client.main([str(source), "-o", str(output), *arguments]) == 2
        said = capsys.readouterr()
        assert said.out == "" and len(said.err.splitlines()) == 1
        assert not output.exists() and not list(tmp_path.glob(".*"))
        return said.err

    return run


@pytest.mark.parametrize("name", ["unet", "drawing"])
def test_writes_the_answer(client, upsamplers, way, call, tmp_path, name):
    upsampler, (audio, path) = upsamplers[name], call
    out = tmp_path / "wide.flac"
    flags = "--model", name, "--set=seed=3", "--exact_length", way
    assert client.main([str(path), "-o", str(out), *flags]) == 0
    high, rate = soundfile.read(out)
    assert rate == upsampler.output_rate
    seed = {"seed": tf.constant(3)} if upsampler.noise_steps else {}
    expected = upsampler.signatures["serving_default"].function(audio=tf.constant(audio), **seed)
    np.testing.assert_allclose(high.T, np.clip(expected, -1, 1), rtol=0, atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call.wav", "wide.flac"]


def test_silence_is_sent_after_it_and_cut_off(client, upsamplers, rest, call, tmp_path):
    audio, path = call
    out = tmp_path / "wide.wav"
    assert client.main([str(path), "-o", str(out), "--model", "unet", rest]) == 0
    high, _ = soundfile.read(out)
    longer = tf.pad(audio, [[0, 0], [0, 512 - 501]])
    expected = upsamplers["unet"].signatures["serving_default"].function(audio=longer)
    assert len(high) == 1002
    np.testing.assert_allclose(high.T, np.clip(expected, -1, 1)[:, :1002], rtol=0, atol=1e-4)


@given(st.integers(1, 10**9))
def test_few_lengths_are_sent(client, time):
    sent = client.sent_length(time)
    assert time <= sent <= max(time, 9 / 8 * time)
    assert client.sent_length(sent) == sent and len(f"{sent:b}".rstrip("0")) <= 4


def test_other_numbers(client, fails, way, call, tmp_path):
    out, model = tmp_path / "loud.wav", ["--model", "louder", way]
    numbers = ["--set", "sigma=0.5", "--set", "steps=4"]
    assert client.main([str(call[1]), "-o", str(out), *model, *numbers]) == 0
    high, rate = soundfile.read(out)
    assert rate == 24000
    np.testing.assert_allclose(high[::3].T, 2 * call[0], rtol=0, atol=1e-4)
    takes = "takes the numbers rate, sigma, steps"
    assert takes in fails(*model) and takes in fails(*model, *numbers, "--set=size=1")
    for wrong in "steps=many", "steps=5000000000", "steps=1.5":
        assert "steps must be a number of the type int32" in fails(*model, *numbers, "--set", wrong)


def test_rest_needs_no_tensorflow(succeed, rest, call, tmp_path):
    out = tmp_path / "wide.wav"
    succeed("-c", WITHOUT_TENSORFLOW, CLIENT, call[1], "-o", out, "--model", "unet", rest)
    assert soundfile.info(out).frames == 1002


def test_another_rate_is_refused(fails, way, call, tmp_path):
    soundfile.write(tmp_path / "music.wav", call[0].T, 44100)
    line = fails("--model", "unet", way, source=tmp_path / "music.wav")
    assert ": this model takes audio at 8000 Hz, not at 44100" in line and "Graph" not in line


def test_an_unknown_model(fails, way):
    assert "Servable not found for request: Latest(nobody)" in fails("--model", "nobody", way)


def test_a_model_of_an_older_export(fails, way):
    line = fails("--model", "older", way)
    assert "no signature 'at_rate' (only" in line and "serving_default" in line


@pytest.mark.parametrize(
    "flag", ["--url=http://localhost:9", "--grpc=localhost:9", "--url=nowhere"]
)
def test_nobody_there(fails, flag):
    assert "unet" in fails("--model", "unet", flag)


def test_what_is_no_model_server(fails, rest):
    assert "HTTP 502 Bad Gateway" in fails("--model", "proxy", rest)


def test_a_server_that_pads(fails, way):
    assert "pad_variable_length_inputs" in fails("--model", "padding", way)


def test_meeting_others_in_a_batch(client, models, fails, way, call, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_WAITS", (0.001, 0.001))
    monkeypatch.setattr(models["unet"], "collisions", 2)
    assert client.main([str(call[1]), "-o", str(tmp_path / "a.wav"), "--model", "unet", way]) == 0
    monkeypatch.setattr(models["unet"], "collisions", 3)
    assert "padding is turned off" in fails("--model", "unet", way)


def test_files(fails, rest, tmp_path):
    (tmp_path / "text.wav").write_text("words")
    soundfile.write(tmp_path / "empty.wav", np.zeros([0, 1]), RATE)
    model = "--model", "unet", rest
    assert "nothing.wav: no such file" in fails(*model, source=tmp_path / "nothing.wav")
    assert "text.wav: cannot be read" in fails(*model, source=tmp_path / "text.wav")
    assert "empty.wav: has no samples" in fails(*model, source=tmp_path / "empty.wav")
    assert "ends in .wav or .flac" in fails(*model, output="wide.mp3")
    assert "cannot be written" in fails(*model, output="nowhere/wide.wav")
