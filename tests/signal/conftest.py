import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def as_tflite(tmp_path):
    """From a function of float32 [batch, time] to the same run by TensorFlow Lite."""

    def convert(function):
        module = tf.Module()
        module.run = tf.function(
            lambda x: {"y": function(x)}, input_signature=[tf.TensorSpec([None, None], name="x")]
        )
        tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.run})
        converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        interpreter = tf.lite.Interpreter(model_content=converter.convert())
        source = interpreter.get_input_details()[0]["index"]
        target = interpreter.get_output_details()[0]["index"]

        def run(x: np.ndarray) -> np.ndarray:
            interpreter.resize_tensor_input(source, x.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(source, x)
            interpreter.invoke()
            return interpreter.get_tensor(target)

        return run

    return convert
