"""Run exported TensorFlow Lite files with ai-edge-litert, without TensorFlow."""
