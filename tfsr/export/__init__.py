"""Trained upsamplers for use without tfsr: SavedModel and TensorFlow Lite."""
