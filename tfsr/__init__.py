"""tfsr: audio super-resolution (bandwidth extension) and speech restoration on TensorFlow."""

__version__ = "0.1.0.dev0"
