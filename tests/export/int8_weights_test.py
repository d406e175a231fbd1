import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.evaluation.metrics import Snr
from tfsr.export.quantization import QUANTIZATIONS
from tfsr.export.saved_model import save
from tfsr.export.tflite import quantized
from tfsr.lite.interpreter import WholeRecordings
from tfsr.networks.audiounet import AudioUNet
from tfsr.upsamplers.regression import Regression

KINDS = ("float32", "float16", "int8", "dynamic_int8")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One network in every kind of file."""
    keras.utils.set_random_seed(3)
    upsampler = Regression(AudioUNet((24, 32, 32, 32)), 8000, 16000)
    upsampler.initialize()
    kernel = upsampler.network.last.kernel
    kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2], stddev=0.2))
    folder, made = tmp_path_factory.mktemp("kinds"), {}
    save(upsampler.signatures, folder / "saved_model")
    for kind in KINDS:
        made[kind] = folder / f"{kind}.tflite"
        made[kind].write_bytes(quantized(folder / "saved_model", QUANTIZATIONS.get(kind)))
    return made


def tensors(path) -> dict[str, tuple[np.ndarray, dict]]:
    """Stored values by name, and how they are to be read."""
    interpreter = tf.lite.Interpreter(str(path), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    small = (np.int8, np.float16)
    details = [each for each in interpreter.get_tensor_details() if each["dtype"] in small]
    return {
        each["name"]: (interpreter.get_tensor(each["index"]), each["quantization_parameters"])
        for each in details
    }


def test_a_weight_is_off_by_half_a_step_of_its_channel_at_most(files):
    whole, steps = tensors(files["float16"]), tensors(files["int8"])
    assert whole.keys() == steps.keys()
    for name, (values, parameters) in steps.items():
        expected = whole[name][0]
        assert (values.dtype == np.int8) == (expected.size >= 1024)
        if values.dtype == np.int8:
            axis = parameters["quantized_dimension"]
            scale = parameters["scales"].reshape(
                [-1 if n == axis else 1 for n in range(values.ndim)]
            )
            assert parameters["scales"].size == values.shape[axis] and values.max() == 127
            error = np.abs(scale * values - expected.astype(np.float32))
            assert np.all(error <= 0.5001 * scale + 1e-7)


def test_a_quarter_of_the_size(files):
    sizes = {kind: path.stat().st_size for kind, path in files.items()}
    assert sizes["int8"] < 0.6 * sizes["float16"] < 0.33 * sizes["float32"]


def test_activations_stay_as_they_are(files):
    low = np.random.default_rng(0).normal(0, 0.1, [1, 3000]).astype(np.float32)
    low[:, 1000:] *= 1e-3  # what is soft drowns in activations' steps
    made = {kind: WholeRecordings(path)(low)[0, 2500:] for kind, path in files.items()}
    snr = {kind: Snr()(made["float32"], made[kind], 16000, 4000) for kind in KINDS[1:]}
    assert snr["int8"] > 35
    assert snr["int8"] > snr["dynamic_int8"] + 6
