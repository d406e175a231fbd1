"""NU-Wave's weights (Lee & Han 2021), as the authors' code writes them.

This is a training checkpoint or the moving average beside it; layers have the same names here.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfsr.convert.checkpoint import Checkpoint
from tfsr.convert.converted import (
    OUTPUT_RATE,
    Converted,
    System,
    given_rates,
    has_size,
    rates_of_ratio,
)
from tfsr.convert.places import Arrays, Place, Tensors, as_it_is, of_layers, prefix_of
from tfsr.model_card import Scores
from tfsr.networks.nuwave import NuWave
from tfsr.signal.noise_schedule import NoiseSchedule
from tfsr.upsamplers.diffusion import Diffusion

_RATES = {2: (24000, 48000), 3: (16000, 48000)}
_SIZE = 3_049_985
# Ratio -> speakers -> SNR in dB and LSD of the model, and of linear interpolation. SNR are those
# after the authors' erratum, twice the paper's.
_FIGURES = {
    2: {
        "one speaker": ((22.2, 0.810), (19.38, 1.80)),
        "many speakers": ((26.4, 0.845), (22.2, 1.93)),
    },
    3: {
        "one speaker": ((19.24, 0.957), (16.08, 1.72)),
        "many speakers": ((24.0, 0.997), (17.42, 1.74)),
    },
}

_EXPONENTS = "diffusion_embedding.exponents"
_WIDEST = "residual_layers.0.dilated_conv.weight"
_DEEPEST = "diffusion_embedding.projection2.weight"
# DiffWave has the other ones too.
_KNOWN = (_EXPONENTS, _WIDEST, "residual_layers.0.low_projection.weight")
_PROJECTIONS = "input_projection", "low_projection", "skip_projection", "output_projection"
_OF_BLOCKS = "dilated_conv", "diffusion_projection", "output_projection", "low_projection"


def recognised(names_and_shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a file with these tensors holds NU-Wave."""
    return prefix_of(names_and_shapes, _KNOWN) is not None


def converted(
    tensors: Arrays,
    rates: tuple[int, int] | None,
    dilation_cycle: int = 10,
    ratio: int | None = None,
    output_rate: int = OUTPUT_RATE,
    float32_schedule: bool = False,
) -> Converted:
    """NU-Wave with the weights of a file; it takes the paper's eight steps from noise.

    Args:
        tensors: by their names in the file.
        rates: Hz, of input and output.
        dilation_cycle: of the network; the weights do not tell it. The default is the authors'.
        ratio: by which the weights multiply the rate, if it is known.
        output_rate: Hz, if only the ratio is known.
        float32_schedule: compute the steps as the authors do, all outputs 0.115 dB too quiet.

    Raises:
        UserError: the rates are not given or have another ratio, or a weight is missing or does
            not fit the others.
    """
    if ratio is not None:
        rates = rates_of_ratio(ratio, rates, output_rate)
    rates = given_rates(rates, "NU-Wave", tuple(_RATES.values()))
    inside = Tensors(tensors, prefix_of(tensors, _KNOWN) or "")
    network = _network(inside, dilation_cycle)
    upsampler = Diffusion(network, *rates, NoiseSchedule(float32=float32_schedule))
    upsampler.initialize()
    inside.put(places(network), network)
    return Converted(upsampler, inside.passed_over)


def told(read: Checkpoint) -> dict[str, Any]:
    """The facts in the trainer's settings of a checkpoint, or else in the authors' file name."""
    settings = {
        "ratio": read.whole_number("hyper_parameters", "audio", "ratio"),
        "output_rate": read.whole_number("hyper_parameters", "audio", "sr"),
        "dilation_cycle": read.whole_number("hyper_parameters", "arch", "dilation_cycle_length"),
    }
    found: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    named = re.search(r"_x([23])(_|$)", Path(read.path).stem)
    return found if "ratio" in found or not named else found | {"rates": _RATES[int(named[1])]}


def places(network: NuWave) -> Iterator[Place]:
    """The places of the weights, by their names in the authors' network."""
    layers = {name: getattr(network, name) for name in _PROJECTIONS}
    embedding = network.diffusion_embedding
    for name in ("projection1", "projection2"):
        layers[f"diffusion_embedding.{name}"] = getattr(embedding, name)
    for number, block in enumerate(network.residual_layers):
        layers |= {f"residual_layers.{number}.{name}": getattr(block, name) for name in _OF_BLOCKS}
    yield Place(embedding.exponents, (_EXPONENTS,), as_it_is)
    yield from of_layers(layers)


def _network(tensors: Tensors, dilation_cycle: int) -> NuWave:
    """A network whose sizes follow from the shapes."""
    return NuWave(
        channels=tensors.shape(_WIDEST, 3)[1],
        blocks=tensors.count("residual_layers.%d."),
        dilation_cycle=dilation_cycle,
        waves=tensors.shape(_EXPONENTS, 1)[0],
        embedding=tensors.shape(_DEEPEST, 2)[1],
    )


def _published(upsampler: Diffusion) -> Scores:
    figures = _FIGURES.get(upsampler.ratio)
    if (
        not figures
        or upsampler.output_rate != OUTPUT_RATE
        or not has_size(upsampler.network, _SIZE)
    ):
        return {}
    systems = "estimate", "linear interpolation"
    return {
        f"VCTK, {speakers}": {
            system: {"snr": snr, "lsd": lsd}
            for system, (snr, lsd) in zip(systems, scores, strict=True)
        }
        for speakers, scores in figures.items()
    }


SYSTEM = System(
    "NU-Wave",
    "github.com/maum-ai/nuwave",
    "Lee & Han 2021, NU-Wave: A diffusion probabilistic model for neural audio upsampling",
    recognised,
    converted,
    told,
    options=("float32_schedule",),
    published=_published,
)
