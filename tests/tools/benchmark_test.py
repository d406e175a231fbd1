import argparse
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.networks.apbwe import APBWE

SPECTRAL = "configs/spectral.gin:CHANNELS=8:BLOCKS=1"
STREAMING = "configs/spectral/streaming.gin:CHANNELS=8:BLOCKS=1"
TINY_APBWE = "configs/apbwe.gin:CHANNELS=8:BLOCKS=1:amplitude_phase.AmplitudePhase.adversarial=None"
RUN = (
    "import runpy, sys; sys.path[0] = 'tools'; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)


@pytest.fixture(scope="module")
def measures(tool_named):
    for name in ("timing", "exported_measures"):
        tool_named(name)  # measures.py imports them by these names
    return tool_named("measures")


@pytest.fixture
def measured(measures, tool_named, monkeypatch):
    """What a measurement gives, and the threads it asked for, which tests have begun without."""

    def measure(name: str, gin: str, seconds: float, threads: int = 0) -> tuple[dict, list[int]]:
        asked = []
        for module in (measures, tool_named("exported_measures")):
            monkeypatch.setattr(module, "use_threads", asked.append)
        arguments = argparse.Namespace(gin=[gin], seconds=seconds, threads=threads)
        return measures.MEASURES[name](arguments), asked

    return measure


def test_formats_agree_and_have_a_size_and_a_speed(measured):
    result, asked = measured("exported", SPECTRAL, seconds=1.3)
    assert asked == [1]
    assert len(result["real_time_factor"]) == 5 and min(result["real_time_factor"].values()) > 0
    for name in ("SavedModel", "TensorFlow Lite"):
        assert result["error"][name] < 1e-5
        assert 0.01 < result["mb"][name] < 3


def test_steps_of_a_stream_make_the_whole(measured):
    result, asked = measured("streaming", STREAMING, seconds=0.9, threads=2)
    assert asked == [2]
    assert result["frames"] == 112 - 100
    assert (result["hop_ms"], result["latency_ms"]) == (8, 16)
    for name in ("tf.function", "SavedModel", "TensorFlow Lite"):
        runtime = result[name]
        assert runtime["error"] < 1e-5
        assert 0 < runtime["p50_ms"] <= runtime["p99_ms"] <= runtime["max_ms"]
        assert 0 < runtime["real_time_factor"] <= runtime["max_ms"] / result["hop_ms"]


def test_dense_layers_are_held_against_bare_products(measured):
    result, asked = measured("dense", TINY_APBWE, seconds=0.2)
    assert asked == [1]
    assert result["of_bare"]["bare products"] == 1
    assert result["rate"].keys() == result["of_bare"].keys()
    assert min(result["rate"].values()) > 0
    assert "MatMul" in result["share"]


def test_no_dense_layer_is_left_out(measures):
    network = APBWE(bins=9, channels=4, blocks=2)
    network(*tf.zeros([2, 1, 3, 9]))
    functions = measures.dense_layers(network)
    dense = [layer for layer in network.submodules if isinstance(layer, keras.layers.Dense)]
    assert set(functions) == set(dense)
    block, x = network.phase.blocks[1], tf.random.normal([1, 3, 4])
    block.gamma.assign([1.0, 2.0, 3.0, 4.0])
    y = block.norm(block.depthwise(x))
    made = x + functions[block.project](functions[block.expand](y))
    np.testing.assert_allclose(made, block(x), rtol=1e-5, atol=1e-6)


def test_operations_are_told_by_type(measures):
    x = tf.random.normal([600, 600])

    @tf.function
    def products() -> tf.Tensor:
        return tf.math.erf(x @ x @ x)

    products()
    seconds = measures.operation_seconds(products)
    assert {"MatMul", "Erf"} <= seconds.keys()
    assert min(seconds.values()) > 0
    shares = measures.shares(seconds)
    np.testing.assert_allclose(sum(shares.values()), 1)


def test_the_command_prints_a_measurement(succeed):
    arguments = ["--gin", SPECTRAL, "--seconds", "0.5", "--threads", "1"]
    out = succeed("-c", RUN, "tools/benchmark.py", "--measure", "profile", *arguments)
    result = json.loads(out.splitlines()[-1])
    assert min(result["of_operations"], result["real_time_factor"]) > 0
    shares = list(result["share"].values())
    assert shares == sorted(shares, reverse=True) and sum(shares) <= 1
    assert "MatMul" in result["share"]
