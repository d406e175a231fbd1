"""tfsr: audio super-resolution (bandwidth extension) and speech restoration on TensorFlow."""

__version__ = "0.1.0.dev0"


def load(preset: str):
    """A trained `tfsr.upsamplers.base.Upsampler`; `tfsr.presets.names()` lists the presets.

    Raises:
        tfsr.errors.UserError: there is none of that name.
    """
    from tfsr import presets

    return presets.load(preset)
