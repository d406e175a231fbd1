"""Files of random weights as the authors of each system write them, narrow or of full size."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfsr.convert import apbwe, nuwave, voicefixer, wsrglow
from tfsr.convert.places import Place, of_layers
from tfsr.networks.apbwe import APBWE
from tfsr.networks.mel_denoiser import MelDenoiser
from tfsr.networks.mel_mask import DenoisedMelMask, MelMask
from tfsr.networks.nuwave import NuWave
from tfsr.networks.resunet import ResUNet
from tfsr.networks.tfgan import TFGAN
from tfsr.networks.wsrglow import WSRGlow
from tfsr.upsamplers.diffusion import Diffusion
from tfsr.upsamplers.flow import Flow

SEED = 0
Content = dict[str, Any]


def of_nuwave(**sizes: int) -> Content:
    network = NuWave(**sizes)
    Diffusion(network, 24000, 48000).initialize()
    return {"epoch": 3, "state_dict": tensors(nuwave.places(network), "model.")}


def of_apbwe(**sizes: int) -> Content:
    network = APBWE(**sizes)
    network(*tf.zeros([2, 1, 1, network.bins]))
    return {"generator": tensors(apbwe.places(network))}


def of_wsrglow(**sizes: int) -> Content:
    network = WSRGlow(**{"waveform_embedding": 400} | sizes)
    Flow(network, 48000 // network.ratio, 48000).initialize()
    return {"epoch": 1, "state_dict": tensors(wsrglow.places(network), "model.")}


def of_vocoder(**sizes: Any) -> Content:
    network = TFGAN(**sizes)
    network(tf.zeros([1, 4, sizes.get("bands", 128)]))
    weights = tensors(of_layers(voicefixer.vocoder_layers(network)))
    for number in range(1, len(network.stages) + 1):
        inputs, outputs, _ = weights[f"generator.{3 * number}.layer.weight_v"].shape
        unused = f"generator.{3 * number}.skip_conv"
        weights[f"{unused}.weight"] = np.zeros([outputs, inputs, 1], np.float32)
        weights[f"{unused}.bias"] = np.zeros(outputs, np.float32)
    return {"generator": weights}


def of_analysis(bands: int = 128, **sizes: Any) -> Content:
    """As in the training code, of one channel."""
    network = MelMask(ResUNet(**sizes))
    network(tf.zeros([1, 1, bands]))
    return {"state_dict": tensors(voicefixer.analysis_places(network), "generator.")}


def of_release(bands: int = 128, **sizes: Any) -> Content:
    """As in the release, with a denoiser."""
    network = DenoisedMelMask(ResUNet(inputs=2, **sizes), MelDenoiser(bands))
    network(tf.zeros([1, 1, bands]))
    return tensors(voicefixer.analysis_places(network), "generator.")


FULL_SIZE: dict[str, Callable[[], Content]] = {
    "nuwave_x2.ckpt": of_nuwave,
    "g_16kto48k": of_apbwe,
    "wsrglow.ckpt": of_wsrglow,
    "model.ckpt-1490000_trimed.pt": of_vocoder,
    "vf.ckpt": of_release,
}


def tensors(places: Iterable[Place], prefix: str = "") -> dict[str, np.ndarray]:
    """Random ones from which these weights can be made, by the authors' names."""
    random = np.random.default_rng(SEED)
    return {
        f"{prefix}{name}": drawn(random, name, shape)
        for place in places
        for name, shape in shapes(place)
    }


def drawn(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Around 1 where a weight is a factor, and else around 0."""
    factor = name.endswith(("weight_g", "gamma", "running_var")) or (
        name.endswith(".weight") and len(shape) == 1
    )
    return np.float32(factor) + 0.1 * random.standard_normal(shape, np.float32)


def shapes(place: Place) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each tensor that a weight is made of, in PyTorch's order of axes."""
    shape = place.variable.shape
    *taps, inputs, outputs = (1, *shape)[-max(2, len(shape)) :]
    for name in place.names:
        if name.endswith("weight_g"):
            yield name, (outputs, 1, 1)
        elif len(shape) == 1 or len(place.names) == 2:
            yield name, (outputs,)
        elif "dwconv" in name:
            yield name, (outputs, 1, inputs)
        elif "embed." in name:
            yield name, (inputs, outputs)
        else:
            yield name, (outputs, inputs, *taps, *[1] * ("convinv" in name))
