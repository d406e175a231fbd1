"""The weights of WSRGlow that its authors released (Zhang et al. 2021).

It is a training checkpoint, in which the names of the network's weights begin with `model.`. The
released code does not give the network the companded values of the low-rate samples, only their
signs. The weights were trained with that, so `companding` is `sign_only`.
"""

from collections.abc import Iterator, Mapping

from tfsr.convert.converted import OUTPUT_RATE, Converted, System, has_size, rates_of_ratio
from tfsr.convert.places import Arrays, Place, Tensors, as_it_is, matrix, of_layers, prefix_of
from tfsr.errors import UserError
from tfsr.model_card import Scores
from tfsr.networks.wsrglow import WSRGlow
from tfsr.signal.companding import sign_only
from tfsr.upsamplers.flow import Flow

# Ratio -> number of weights, and the paper's SNR in dB and LSD.
_FIGURES = {2: (229_862_760, 30.84, 0.68), 4: (141_192_552, 18.38, 1.64)}
_WAVEFORM = "muembed.embed.weight"
_PHASE = "phase_embedding.embed.weight"
_CONVOLUTION = "convinv.%d.conv.weight"
_KNOWN = (_WAVEFORM, "WN.0.start.bias")


def recognised(names_and_shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a file with these tensors holds WSRGlow."""
    return prefix_of(names_and_shapes, _KNOWN) is not None


def converted(tensors: Arrays, rates: tuple[int, int] | None = None) -> Converted:
    """The upsampler of a file that `recognised` accepts.

    Args:
        tensors: name -> tensor, as in the file.
        rates: input and output rate, Hz. None: the authors' output rate, 48 kHz, and the input
            rate that follows from the ratio, which the shapes tell.

    Raises:
        UserError: a tensor is missing or has another shape; or the rates do not fit.
    """
    inside = Tensors(tensors, prefix_of(tensors, _KNOWN) or "")
    network = _network(inside)
    upsampler = Flow(network, *rates_of_ratio(network.ratio, rates))
    upsampler.initialize()
    inside.put(places(network), upsampler)
    return Converted(upsampler, inside.passed_over)


def places(network: WSRGlow) -> Iterator[Place]:
    """The places of the weights, by their names in the authors' network."""
    for number, step in enumerate(network.steps):
        name, wavenet = f"WN.{number}", step.network
        layers = {"start": wavenet.start, "cond_layer": wavenet.projection, "end": wavenet.end}
        for i, layer in enumerate(wavenet.gated_layers):
            layers[f"in_layers.{i}"] = layer.dilated_conv
            layers[f"res_skip_layers.{i}"] = layer.output_projection
        yield from of_layers({f"{name}.{of}": layer for of, layer in layers.items()})
        yield Place(step.convolution.kernel, (_CONVOLUTION % number,), matrix)
    for part, name in ("waveform", _WAVEFORM), ("phase", _PHASE):
        yield Place(network.encoder.parts[part].vectors, (name,), as_it_is)


def _network(tensors: Tensors) -> WSRGlow:
    """A network whose sizes follow from the shapes."""
    flows = max(tensors.count(name) for name in ("convinv.%d.", "WN.%d."))
    widths = [tensors.shape(_CONVOLUTION % flow, 3)[0] for flow in range(flows)]
    early_every = next((flow for flow in range(flows) if widths[flow] != widths[0]), flows)
    waveform, phase = (tensors.shape(name, 2)[1] for name in (_WAVEFORM, _PHASE))
    return WSRGlow(
        ratio=_ratio(tensors, widths[0], waveform, phase),
        group=widths[0],
        flows=flows,
        early_every=early_every,
        early_channels=widths[0] - widths[early_every] if early_every < flows else 0,
        layers=tensors.count("WN.0.in_layers.%d."),
        channels=tensors.shape("WN.0.start.weight_v", 3)[0],
        waveform_embedding=waveform,
        phase_embedding=phase,
        companding=sign_only,
    )


def _ratio(tensors: Tensors, group: int, waveform: int, phase: int) -> int:
    """The ratio, from the input samples of a group; each adds a known number of features."""
    name = "WN.0.cond_layer.weight_v"
    features = tensors.shape(name, 3)[1]
    hop, rest = divmod(features - 1 - phase, waveform + 1 + phase)
    if rest or hop < 1 or group % hop:
        raise UserError(
            f"{tensors.name_in_file(name)}: has {features} inputs; for groups of {group} samples "
            f"and vectors of {waveform} and {phase}, that fits no ratio: the file is "
            "damaged, or of an ablation; get it again, or that of the whole network"
        )
    return group // hop


def _published(upsampler: Flow) -> Scores:
    weights, snr, lsd = _FIGURES.get(upsampler.ratio, (0, 0.0, 0.0))
    if upsampler.output_rate != OUTPUT_RATE or not has_size(upsampler.network, weights):
        return {}
    return {"VCTK": {"estimate": {"snr": snr, "lsd": lsd}}}


SYSTEM = System(
    "WSRGlow",
    "github.com/zkx06111/WSRGlow",
    "Zhang, Ren, Xu & Zhao 2021, WSRGlow: A Glow-based waveform generative model for audio "
    "super-resolution",
    recognised,
    converted,
    published=_published,
)
