"""The weights of AP-BWE's generator (Lu, Ai, Du & Ling 2024), as the authors' code writes them."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import tf_keras as keras

from tfsr.convert.checkpoint import Checkpoint
from tfsr.convert.converted import Converted, System, given_rates, has_size
from tfsr.convert.places import Arrays, Place, Tensors, as_it_is, of_layers, prefix_of
from tfsr.errors import UserError
from tfsr.layers.convnext import ConvNeXt, ConvNeXtBlock
from tfsr.model_card import Scores
from tfsr.networks.apbwe import APBWE
from tfsr.signal.polar import PolarStft
from tfsr.upsamplers.amplitude_phase import AmplitudePhase

_EXAMPLES = ((16000, 48000), (8000, 16000))
_SIZE = 29_760_515
# Rates -> LSD and ViSQOL of the network for these rates alone, and of sinc interpolation.
_FIGURES = {
    (24000, 48000): ((0.61, 4.25), (2.17, 2.99)),
    (16000, 48000): ((0.72, 3.70), (2.57, 2.26)),
    (12000, 48000): ((0.78, 3.46), (2.75, 2.09)),
    (8000, 48000): ((0.84, 3.35), (2.94, 2.07)),
    (8000, 16000): ((0.69, 4.71), (1.80, 4.34)),
    (4000, 16000): ((0.87, 4.30), (2.68, 3.52)),
    (2000, 16000): ((0.99, 3.76), (3.15, 2.73)),
}
_CRITICS = ("mpd.", "mrad.", "mrpd.")

_INPUT = "conv_pre_mag.weight"
_WIDEST = "convnext_mag.0.pwconv2.weight"
_KNOWN = (_INPUT, _WIDEST, "linear_post_pha_r.weight", "linear_post_pha_i.weight")
_STREAMS = {"mag": "amplitude", "pha": "phase"}
_HEADS = {"mag": "added", "pha_r": "real", "pha_i": "imag"}


def recognised(names_and_shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a file with these tensors holds AP-BWE's generator."""
    return prefix_of(names_and_shapes, _KNOWN) is not None


def converted(
    tensors: Arrays,
    rates: tuple[int, int] | None,
    hop_length: int = 80,
    window_length: int = 320,
) -> Converted:
    """AP-BWE with the weights of a file.

    Args:
        tensors: by their names in the file.
        rates: Hz, of input and output.
        hop_length, window_length: of the spectra, in samples at the output rate. The weights do
            not tell them; the defaults are the authors' at all rates.

    Raises:
        UserError: the rates are not given, or a weight is missing or does not fit the others.
    """
    rates = given_rates(rates, "AP-BWE", _EXAMPLES)
    inside = Tensors(tensors, prefix_of(tensors, _KNOWN) or "")
    bins = inside.shape(_INPUT, 3)[1]
    transform = PolarStft(_n_fft(bins, window_length), hop_length, window_length)
    network = APBWE(bins, inside.shape(_WIDEST, 2)[0], inside.count("convnext_mag.%d."))
    upsampler = AmplitudePhase(network, *rates, transform)
    upsampler.initialize()
    inside.put(places(network), network)
    return Converted(upsampler, inside.passed_over)


def told(read: Checkpoint) -> dict[str, Any]:
    """The rates, from the authors' name of the file, such as g_16kto48k."""
    named = re.search(r"(\d+)k(?:to)?(\d+)k", Path(read.path).name)
    return {"rates": (1000 * int(named[1]), 1000 * int(named[2]))} if named else {}


def layers_by_name(network: APBWE) -> dict[str, keras.layers.Layer]:
    """Layers, and whole blocks, by their names in the authors' code."""
    layers = {f"linear_post_{part}": getattr(network, name) for part, name in _HEADS.items()}
    for part, name in _STREAMS.items():
        stream: ConvNeXt = getattr(network, name)
        layers |= {f"conv_pre_{part}": stream.start}
        layers |= {f"norm_pre_{part}": stream.first_norm, f"norm_post_{part}": stream.last_norm}
        layers |= {f"convnext_{part}.{n}": block for n, block in enumerate(stream.blocks)}
    return layers


def places(network: APBWE) -> Iterator[Place]:
    """The places of the weights, by their names in the authors' network."""
    for name, layer in layers_by_name(network).items():
        layers = {name: layer}
        if isinstance(layer, ConvNeXtBlock):
            yield Place(layer.gamma, (f"{name}.gamma",), as_it_is)
            layers = {f"{name}.dwconv": layer.depthwise, f"{name}.norm": layer.norm}
            layers |= {f"{name}.pwconv1": layer.expand, f"{name}.pwconv2": layer.project}
        yield from of_layers(layers)


def _n_fft(bins: int, window_length: int) -> int:
    """Samples of a frame.

    Raises:
        UserError: no power of two gives this number of bins, or the window is longer.
    """
    n_fft = 2 * (bins - 1)
    if n_fft < window_length or n_fft & (n_fft - 1):
        raise UserError(
            f"{_INPUT} is for {bins} bins; no frame length that is a power of two, and at least "
            f"{window_length} samples, gives that many: use a checkpoint of the authors' network"
        )
    return n_fft


def _advice(names: Collection[str]) -> str:
    if any(name.startswith(_CRITICS) for name in names):
        return "these are AP-BWE's critics, for training: give the generator's file, g_16kto48k say"
    return ""


def _published(upsampler: AmplitudePhase) -> Scores:
    figures = _FIGURES.get((upsampler.input_rate, upsampler.output_rate))
    if not figures or not has_size(upsampler.network, _SIZE):
        return {}
    systems = zip(("estimate", "sinc interpolation"), figures, strict=True)
    return {"VCTK": {name: {"lsd": lsd, "visqol": visqol} for name, (lsd, visqol) in systems}}


SYSTEM = System(
    "AP-BWE",
    "github.com/yxlu-0102/AP-BWE",
    "Lu, Ai, Du & Ling 2024, Towards high-quality and efficient speech bandwidth extension with "
    "parallel amplitude and phase prediction",
    recognised,
    converted,
    told,
    advice=_advice,
    published=_published,
    licence="MIT, as https://github.com/yxlu-0102/AP-BWE says of code and weights.",
)
