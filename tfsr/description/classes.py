"""The closed list of names that a description may use, with their modules.

Modules are listed by name and imported at their first use. So a small model needs no other
networks. A description can never import anything outside of these tables.
"""

import importlib
from typing import Any

from tfsr.errors import UserError

_KERAS = "tf_keras.optimizers"

_CLASSES_OF = {
    "tfsr.layers.bijectors": ("InvertibleConvolution", "LuInvertibleConvolution"),
    "tfsr.layers.subpixel": ("NearestNeighbour", "Subpixel"),
    "tfsr.layers.whitening": ("MeanVariance", "Pca"),
    "tfsr.losses.gan_objectives": ("CrossEntropy", "Hinge", "LeastSquares", "WassersteinGP"),
    "tfsr.losses.phase": ("StftPhase",),
    "tfsr.losses.spectral_distances": ("CompressedStft", "LogMelPower", "LogStft", "MelLoudness"),
    "tfsr.losses.vocoder": ("MelDistance", "MultiResolutionStft", "TimeDomain"),
    "tfsr.networks.apbwe": ("APBWE",),
    "tfsr.networks.apbwe_critics": ("AmplitudeCritics", "PeriodCritics", "PhaseCritics"),
    "tfsr.networks.audioedsr": ("AudioEDSR",),
    "tfsr.networks.audiounet": ("AudioUNet", "KingAudioUNet"),
    "tfsr.networks.critics": ("SrganCritic", "WaveGanCritic"),
    "tfsr.networks.dnn": ("DNN",),
    "tfsr.networks.mel_denoiser": ("MelDNN", "MelDenoiser", "MelGRU"),
    "tfsr.networks.mel_mask": ("DenoisedMelMask", "LinearMelMask", "MelMask"),
    "tfsr.networks.mugan": ("MUAutoencoder", "MUDiscriminator", "MUGAN", "NuWaveMUGAN"),
    "tfsr.networks.nuwave": ("NuWave",),
    "tfsr.networks.restored_bins": ("RestoredBins",),
    "tfsr.networks.resunet": ("ResUNet",),
    "tfsr.networks.upper_bins": ("UpperBins",),
    "tfsr.networks.spectrogram_critics": ("SpectrogramCritics",),
    "tfsr.networks.tfgan": ("TFGAN",),
    "tfsr.networks.tfgan_critics": ("BandCritics", "FrequencyCritic", "TimeCritics"),
    "tfsr.networks.wsrglow": ("WSRGlow",),
    "tfsr.signal.companding": ("MuLaw",),
    "tfsr.signal.frame_codec": ("FrameCodec",),
    "tfsr.signal.interpolation": ("Flat", "Linear", "Spline"),
    "tfsr.signal.mel": ("MelSpectrogram",),
    "tfsr.signal.noise_schedule": ("NoiseSchedule",),
    "tfsr.signal.polar": ("PolarStft",),
    "tfsr.signal.sinc_hann": ("SincHann",),
    "tfsr.signal.windowed_sinc": ("WindowedSinc",),
    "tfsr.upsamplers.adversarial": ("Adversarial",),
    "tfsr.upsamplers.amplitude_phase": ("AmplitudePhase",),
    "tfsr.upsamplers.band_regression": (
        *("BandRegression", "ImagedPhase", "RegressedPhase", "TruePhase"),
    ),
    "tfsr.upsamplers.diffusion": ("Diffusion",),
    "tfsr.upsamplers.flow": ("Flow",),
    "tfsr.upsamplers.interpolation": ("Interpolation",),
    "tfsr.upsamplers.optimizers": ("WarmUpDecay",),
    "tfsr.upsamplers.regression": ("Regression",),
    "tfsr.upsamplers.restoration": ("BaselineUNet", "VoiceFixer"),
    "tfsr.upsamplers.spectral": ("Spectral",),
    "tfsr.upsamplers.spectral_restoration": ("SpectralRestoration",),
    "tfsr.upsamplers.vocoder": ("Vocoder",),
    _KERAS: (
        *("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD"),
    ),
    f"{_KERAS}.schedules": (
        *("CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay"),
        *("PiecewiseConstantDecay", "PolynomialDecay"),
    ),
}

_FUNCTIONS_OF = {
    "tfsr.losses.noise_estimation": ("log_l1",),
    "tfsr.losses.waveform_distances": ("l1", "l2", "rmse"),
    "tfsr.signal.companding": ("sign_only",),
}


def _by_name(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: module for module, names in table.items() for name in names}


CLASSES, FUNCTIONS = _by_name(_CLASSES_OF), _by_name(_FUNCTIONS_OF)
"""name -> module."""


def named(name: object, table: dict[str, str], place: str) -> Any:
    """The class or function of `table` that has this name.

    Raises:
        UserError: there is no such name; the message contains `place`.
    """
    if not isinstance(name, str) or name not in table:
        raise UserError(f"{place}: {str(name)[:80]!r} is nothing that tfsr has")
    return getattr(importlib.import_module(table[name]), name)


def name_of(thing: Any, table: dict[str, str]) -> str | None:
    """The name of a class or function in `table`; None if it has another name or none."""
    name = getattr(thing, "__name__", None)
    if name not in table:
        return None
    return name if getattr(importlib.import_module(table[name]), name) is thing else None
