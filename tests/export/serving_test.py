"""What stands in export/serving and what an export writes, as TensorFlow Serving reads them."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfsr.export.saved_model import export_saved_model

KIT = Path(__file__).parents[2] / "export" / "serving"

# Runs what the warm-up file asks for, where tfsr cannot be imported; prints by signature
# whether all is finite, and the shapes of audio.
RUN_REQUESTS = """
import collections, json, sys
sys.modules["tfsr"] = None
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
signatures = tf.saved_model.load(sys.argv[1]).signatures
made = collections.defaultdict(list)
for record in tf.data.TFRecordDataset(f"{sys.argv[1]}/assets.extra/tf_serving_warmup_requests"):
    log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
    request = log.predict_log.request
    inputs = {name: tf.constant(tf.make_ndarray(x)) for name, x in request.inputs.items()}
    outputs = signatures[request.model_spec.signature_name](**inputs)
    finite = all(bool(tf.reduce_all(tf.math.is_finite(x))) for x in outputs.values())
    low, high = inputs.get("audio"), outputs.get("audio")
    shapes = None if low is None else [low.shape.as_list(), high.shape.as_list()]
    made[request.model_spec.signature_name].append([finite, shapes])
print(json.dumps(made))
"""

WHOLE = [
    [True, [[batch, time], [batch, 2 * time]]]
    for batch, time in [(1, 2000), (1, 8000), (1, 32000), (4, 2000)]
]


@pytest.fixture(scope="module")
def compose():
    text = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", (KIT / "compose.yaml").read_text())
    return yaml.safe_load(text)["services"]["serving"]


@pytest.fixture(scope="module")
def models():
    text = (KIT / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return config.model_config_list.config


def test_a_stream_s_requests_run_without_tfsr(streaming, succeed, tmp_path):
    export_saved_model(streaming, tmp_path / "1")
    made = json.loads(succeed("-c", RUN_REQUESTS, tmp_path / "1"))
    assert made["serving_default"] == made["at_rate"] == WHOLE
    assert made["initial_state"] == 2 * [[True, None]]
    steps = [[True, [[batch, streaming.hop], [batch, 2 * streaming.hop]]] for batch in (1, 1, 4, 4)]
    assert made["step"] == steps


def test_models(models):
    (model,) = models
    assert (model.name, model.base_path, model.model_platform) == (
        "wide",
        "/models/wide",
        "tensorflow",
    )
    assert model.model_version_policy.latest.num_versions == 1


def test_threads_of_batches(batching_parameters):
    parameters = batching_parameters((KIT / "batching.config").read_text())
    assert parameters.num_batch_threads.value >= 1 and parameters.thread_pool_name.value


def test_compose_mounts_what_the_server_is_told_to_read(compose, models):
    mounted = {}
    for volume in compose["volumes"]:
        source, target, mode = volume.split(":")
        assert mode == "ro"
        mounted[target] = KIT / source
    flags = dict(re.fullmatch(r"--(\w+)=?(.*)", flag).groups() for flag in compose["command"])
    assert mounted[flags["model_config_file"]].samefile(KIT / "models.config")
    assert mounted[flags["batching_parameters_file"]].samefile(KIT / "batching.config")
    assert mounted["/models"].resolve() == KIT.parents[1] / "models"
    assert all(model.base_path.startswith("/models/") for model in models)
    # Without it a server with --enable_batching refuses models that take plain numbers.
    assert {"enable_batching", "enable_per_model_batching_parameters"} <= set(flags)
    assert compose["ports"] == ["8500:8500", "8501:8501"]
    assert re.fullmatch(r"tensorflow/serving:2\.17\.\d", compose["image"])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


@pytest.mark.skipif(
    not shutil.which("tensorflow_model_server"), reason="no tensorflow_model_server on the PATH"
)
def test_the_server_itself_warms_up_and_serves(upsamplers, tmp_path):
    for name in ("unet", "drawing"):
        export_saved_model(upsamplers[name], tmp_path / name / "1")
    configs = [f'config {{ name: "{n}" base_path: "{tmp_path}/{n}" }}' for n in ("unet", "drawing")]
    (tmp_path / "models.config").write_text(f"model_config_list {{ {' '.join(configs)} }}")
    rest = _free_port()
    command = ["tensorflow_model_server", f"--port={_free_port()}", f"--rest_api_port={rest}"]
    command += [f"--model_config_file={tmp_path}/models.config", "--enable_batching"]
    command += ["--enable_per_model_batching_parameters"]
    command += [f"--batching_parameters_file={KIT}/batching.config"]
    server = subprocess.Popen(command)
    try:
        for name in ("unet", "drawing"):
            question = {"inputs": {"audio": [[0.1] * 500], "seed": 0}}
            if name == "unet":
                del question["inputs"]["seed"]
            answer = _ask(f"http://localhost:{rest}/v1/models/{name}:predict", question)
            assert len(answer["outputs"][0]) == 500 * upsamplers[name].ratio
    finally:
        server.terminate()
        server.wait(300)


def _ask(url: str, question: dict) -> dict:
    """The server's answer, as soon as it listens and has loaded the model."""
    for _ in range(1200):  # five minutes, for machines that do other work
        try:
            with urllib.request.urlopen(url, json.dumps(question).encode(), 60) as reply:
                return json.load(reply)
        except urllib.error.URLError:
            time.sleep(0.25)
    raise AssertionError(f"{url} does not answer")
