"""Exported TensorFlow Lite files, used without TensorFlow: by ai-edge-litert alone."""
