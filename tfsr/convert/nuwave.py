"""NU-Wave's weights (Lee & Han 2021), as the authors' code writes them.

Either a checkpoint of training or the moving average beside it; layers have the same names here.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from tfsr.convert.converted import Converted, given_rates, terms
from tfsr.convert.places import Place, Tensors, as_it_is, of_layers, prefix_of
from tfsr.networks.nuwave import NuWave
from tfsr.upsamplers.diffusion import Diffusion

_REPOSITORY = "github.com/maum-ai/nuwave"
_SOURCE = (
    f"{_REPOSITORY}; Lee & Han 2021, NU-Wave: A diffusion probabilistic model for neural audio "
    "upsampling"
)
_PUBLISHED = ((24000, 48000), (16000, 48000))

_EXPONENTS = "diffusion_embedding.exponents"
_WIDEST = "residual_layers.0.dilated_conv.weight"
_DEEPEST = "diffusion_embedding.projection2.weight"
# DiffWave has the other ones too.
_KNOWN = (_EXPONENTS, _WIDEST, "residual_layers.0.low_projection.weight")
_PROJECTIONS = "input_projection", "low_projection", "skip_projection", "output_projection"
_OF_BLOCKS = "dilated_conv", "diffusion_projection", "output_projection", "low_projection"


def recognised(names_and_shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a file with these tensors is of NU-Wave."""
    return prefix_of(names_and_shapes, _KNOWN) is not None


def converted(
    tensors: Mapping[str, np.ndarray], rates: tuple[int, int] | None, dilation_cycle: int = 10
) -> Converted:
    """NU-Wave with the weights of a file; it takes the eight steps of the paper, in float64.

    Args:
        tensors: by the names of the file.
        rates: Hz, of input and output.
        dilation_cycle: of the network; weights do not tell it. The default is the authors'.

    Raises:
        UserError: there are no rates, or a weight is missing or does not fit the others.
    """
    rates = given_rates(rates, "NU-Wave", _PUBLISHED)
    inside = Tensors(tensors, prefix_of(tensors, _KNOWN) or "")
    network = _network(inside, dilation_cycle)
    upsampler = Diffusion(network, *rates)
    upsampler.initialize()
    inside.put(places(network), network)
    return Converted(upsampler, inside.passed_over, _SOURCE, terms(_REPOSITORY))


def places(network: NuWave) -> Iterator[Place]:
    """Where the weights are that have these names in the authors' network."""
    layers = {name: getattr(network, name) for name in _PROJECTIONS}
    embedding = network.diffusion_embedding
    for name in ("projection1", "projection2"):
        layers[f"diffusion_embedding.{name}"] = getattr(embedding, name)
    for number, block in enumerate(network.residual_layers):
        layers |= {f"residual_layers.{number}.{name}": getattr(block, name) for name in _OF_BLOCKS}
    yield Place(embedding.exponents, (_EXPONENTS,), as_it_is)
    yield from of_layers(layers)


def _network(tensors: Tensors, dilation_cycle: int) -> NuWave:
    """A network of the sizes that shapes tell."""
    return NuWave(
        channels=tensors.shape(_WIDEST, 3)[1],
        blocks=tensors.count("residual_layers.%d."),
        dilation_cycle=dilation_cycle,
        waves=tensors.shape(_EXPONENTS, 1)[0],
        embedding=tensors.shape(_DEEPEST, 2)[1],
    )
