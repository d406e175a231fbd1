"""VoiceFixer's weights, as released by its authors (Liu et al. 2022) or written by its trainer.

There are two files. The vocoder is a model on its own. The analysis makes a model together with the
vocoder. The released analysis has a denoiser and a ResUNet of two channels. That of the training
code is a ResUNet of one channel. Training checkpoints hold the vocoder too.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import tf_keras as keras

from tfsr.convert.converted import Converted, System, has_size
from tfsr.convert.places import Arrays, Place, Tensors, kernel, of_layers, prefix_of
from tfsr.errors import UserError
from tfsr.model_card import Scores
from tfsr.networks.mel_denoiser import MelDenoiser, WholeNorm
from tfsr.networks.mel_mask import DenoisedMelMask, MelMask
from tfsr.networks.resunet import ResidualUnit, ResUNet
from tfsr.networks.tfgan import TFGAN
from tfsr.signal.mel import MelSpectrogram
from tfsr.upsamplers.restoration import VoiceFixer
from tfsr.upsamplers.vocoder import Vocoder

_VOCODER = ("condnet.0.bias", "generator.1.bias")
_OF_DENOISER = "denoiser.1.weight"
_OF_UNET = "encoder_block1.conv_block1.conv1.weight"
# Before the names of the ResUNet, in the release beside the denoiser and in the training code.
_RELEASED, _TRAINED = "unet.", "analysis_module."
_RATE = 44100
_RELEASED_MOMENTUM = 0.99

_SIZE = 65_152_867
# The paper's network is that of the training code; nothing was published of the released one.
_FIGURES = {
    "HiFi-Res": {
        "estimate": {"pesq": 2.05, "lsd": 1.01, "ssim": 0.71, "mos": 3.62},
        "unprocessed": {"pesq": 1.94, "lsd": 2.00, "ssim": 0.64, "mos": 2.38},
    },
    "VD-Test": {
        "estimate": {"si_snr": -16.23, "pesq": 2.43, "mos": 3.69},
        "unprocessed": {"si_snr": 8.40, "pesq": 1.97, "mos": 3.20},
    },
    "DECLI, clipped at 0.25": {
        "estimate": {"stoi": 0.82, "mos": 3.38},
        "unprocessed": {"stoi": 0.95, "mos": 2.56},
    },
    "DECLI, clipped at 0.1": {
        "estimate": {"stoi": 0.80, "mos": 3.38},
        "unprocessed": {"stoi": 0.89, "mos": 2.72},
    },
}

Shapes = Mapping[str, tuple[int, ...]]


def recognised(names_and_shapes: Shapes) -> bool:
    """Whether a file with these tensors is VoiceFixer's analysis or its vocoder."""
    vocoder = prefix_of(names_and_shapes, _VOCODER) is not None
    return vocoder or _analysis_prefix(names_and_shapes) is not None


def converted(
    tensors: Arrays,
    rates: tuple[int, int] | None = None,
    vocoder: Arrays | None = None,
    mode: int | None = None,
) -> Converted:
    """The upsampler of a file that `recognised` accepts: a `VoiceFixer`, or a `Vocoder`.

    Args:
        tensors: name -> tensor, as in the file.
        rates: None, or 44,100 Hz twice, the only rate.
        vocoder: for an analysis, the tensors of the vocoder's file; None: the vocoder in the file
            itself.
        mode: see `VoiceFixer`; None is 0.

    Raises:
        UserError: a tensor is missing or has another shape. Or the vocoder is missing, or has other
            bands than the analysis. Or other rates are given, or a mode for a vocoder alone.
    """
    if rates not in (None, (_RATE, _RATE)):
        raise UserError(
            f"rates: VoiceFixer restores at {_RATE} Hz: leave --rates out, or give {_RATE},{_RATE}"
        )
    prefix = _analysis_prefix(tensors)
    if prefix is None:
        if vocoder is not None:
            raise UserError("vocoder: the other file is no analysis of VoiceFixer; give vf.ckpt")
        if mode is not None:
            raise UserError(
                "`mode` belongs to the analysis, but this file is a vocoder: leave it out"
            )
        return Converted(*_vocoder(tensors), part="vocoder")
    return _voicefixer(tensors, prefix, vocoder, mode or 0)


def vocoder_layers(network: TFGAN) -> dict[str, keras.layers.Layer]:
    """The layers, by their names in the authors' vocoder."""
    layers = {f"condnet.{2 * n}": layer for n, layer in enumerate(network.condition_net)}
    layers["generator.1"] = network.first.convolution
    for number, stage in enumerate(network.stages, 1):
        layers[f"generator.{3 * number}.layer"] = stage.up.convolution
        for n, unit in enumerate(stage.units):
            name = f"generator.{3 * number + 1}.layers.{n}"
            layers |= {f"{name}.1": unit.dilated, f"{name}.3": unit.plain}
    layers[f"generator.{3 * len(network.stages) + 4}"] = network.last.convolution
    return layers


def unet_layers(network: ResUNet) -> dict[str, keras.layers.Layer]:
    """The layers, by their names in the authors' ResUNet."""
    layers: dict[str, keras.layers.Layer] = {}
    for level, units in enumerate(network.down, 1):
        for number, unit in enumerate(units.layers, 1):
            layers |= _unit_layers(f"encoder_block{level}.conv_block{number}", unit)
    layers |= _unit_layers(f"conv_block{len(network.down) + 1}", network.centre)
    for level, up in enumerate(reversed(network.up), 1):
        name = f"decoder_block{level}"
        layers |= {f"{name}.bn1": up.norm, f"{name}.conv1": up.double}
        # The transposed convolution has the first number.
        for number, unit in enumerate(up.units.layers, 2):
            layers |= _unit_layers(f"{name}.conv_block{number}", unit)
    layers |= _unit_layers("after_conv_block1", network.last_unit)
    return layers | {"after_conv2": network.last}


def analysis_places(network: MelMask) -> Iterator[Place]:
    """The places of the weights, by their names in the authors' analysis."""
    released = isinstance(network, DenoisedMelMask)
    prefix = _RELEASED if released else _TRAINED
    layers = {f"{prefix}{name}": layer for name, layer in unet_layers(network.network).items()}
    yield from of_layers(layers)
    if released:
        yield from denoiser_places(network.denoiser)


def denoiser_places(network: MelDenoiser) -> Iterator[Place]:
    """The places of the weights, by their names in the authors' denoiser."""
    layers = network.layer.layers
    norms = [layer.norm for layer in layers if isinstance(layer, WholeNorm)]
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    numbers = ("0", "3", "7.bn", "8.bn", "9", "13"), ("1", "4", "11", "15")
    for some, of_some in zip(numbers, (norms, dense), strict=True):
        names = (f"denoiser.{number}" for number in some)
        yield from of_layers(dict(zip(names, of_some, strict=True)))
    recurrent = [layer for layer in layers if isinstance(layer, keras.layers.Bidirectional)]
    ends = [(f"denoiser.{n}.gru", f"l{layer}") for n in (7, 8) for layer in (0, 1)]
    for (block, end), layer in zip(ends, recurrent, strict=True):
        yield from _of_gru(block, end, layer.forward_layer)
        yield from _of_gru(block, f"{end}_reverse", layer.backward_layer)


def _unit_layers(name: str, unit: ResidualUnit) -> dict[str, keras.layers.Layer]:
    layers = {f"{name}.bn{n}": norm for n, norm in enumerate(unit.norms, 1)}
    layers |= {f"{name}.conv{n}": layer for n, layer in enumerate(unit.convolutions, 1)}
    return layers | ({f"{name}.shortcut": unit.shortcut} if unit.shortcut else {})


def _of_gru(name: str, end: str, layer: keras.layers.GRU) -> Iterator[Place]:
    cell = layer.cell
    yield Place(cell.kernel, (f"{name}.weight_ih_{end}",), _gru_kernel)
    yield Place(cell.recurrent_kernel, (f"{name}.weight_hh_{end}",), _gru_kernel)
    biases = f"{name}.bias_ih_{end}", f"{name}.bias_hh_{end}"
    yield Place(cell.bias, biases, lambda *both: np.stack([_keras_gates(x) for x in both]))


def _gru_kernel(tensor: np.ndarray) -> np.ndarray:
    return kernel(_keras_gates(tensor))


def _keras_gates(tensor: np.ndarray) -> np.ndarray:
    """Reorder the first axis: reset, update, candidate (PyTorch) to update, reset, candidate."""
    reset, update, candidate = np.split(tensor, 3)
    return np.concatenate([update, reset, candidate])


def _vocoder(tensors: Arrays) -> tuple[Vocoder, tuple[str, ...]]:
    """A vocoder, and the names of unused tensors."""
    prefix = prefix_of(tensors, _VOCODER)
    if prefix is None:
        raise UserError(
            f"has no {' and '.join(_VOCODER)}; give VoiceFixer's vocoder, "
            "model.ckpt-1490000_trimed.pt"
        )
    inside = Tensors(tensors, prefix)
    network = _tfgan(inside)
    # The authors' cut, which is what these weights are for.
    vocoder = Vocoder(network, spectrogram=MelSpectrogram(bands=_bands(inside)), compat=True)
    vocoder.initialize()
    inside.put(of_layers(vocoder_layers(network)), vocoder)
    return vocoder, inside.passed_over


def _second_file(vocoder: Arrays) -> tuple[Vocoder, tuple[str, ...]]:
    """Like `_vocoder`; errors tell that they are about the second file."""
    try:
        return _vocoder(vocoder)
    except UserError as error:
        raise UserError(f"vocoder: {error}") from error


def _tfgan(tensors: Tensors) -> TFGAN:
    """A generator whose sizes follow from the shapes."""
    stages = tensors.count("generator.%d.layer.", first=3, step=3)
    numbers = range(1, stages + 1)
    ups = [tensors.shape(f"generator.{3 * n}.layer.weight_v", 3) for n in numbers]
    return TFGAN(
        bands=_bands(tensors),
        condition=tensors.shape("condnet.0.weight_v", 3)[0],
        channels=(tensors.shape("generator.1.weight_v", 3)[0], *(filters for _, filters, _ in ups)),
        strides=[taps // 2 for _, _, taps in ups],
        units=[tensors.count(f"generator.{3 * n + 1}.layers.%d.") for n in numbers],
    )


def _bands(tensors: Tensors) -> int:
    return tensors.shape("condnet.0.weight_v", 3)[1]


def _voicefixer(
    tensors: Arrays,
    prefix: str,
    vocoder: Arrays | None,
    mode: int,
) -> Converted:
    if vocoder is None and prefix_of(tensors, _VOCODER) is None:
        raise UserError(
            "vocoder: this file is VoiceFixer's analysis alone; give the file of its vocoder too, "
            "model.ckpt-1490000_trimed.pt"
        )
    synthesis, passed_over = _vocoder(tensors) if vocoder is None else _second_file(vocoder)
    inside = Tensors(tensors, prefix)
    network = _analysis(inside, synthesis.spectrogram.bands)
    upsampler = VoiceFixer(network, synthesis, mode)
    upsampler.initialize()
    inside.put(analysis_places(network), network)
    names = inside.passed_over
    if vocoder is None:  # one file, of which each took its part
        names = tuple(name for name in names if name in passed_over)
    else:
        names += passed_over
    return Converted(upsampler, names)


def _analysis(tensors: Tensors, bands: int) -> MelMask:
    """An analysis whose sizes follow from the shapes, for a vocoder with `bands` bands."""
    if f"{_TRAINED}{_OF_UNET}" in tensors:
        return MelMask(_resunet(tensors, _TRAINED, bands, 1))
    own = tensors.shape(_OF_DENOISER, 2)[1]
    if own != bands:
        raise UserError(
            f"vocoder: takes {bands} mel bands, and the analysis gives {own}; give the vocoder "
            "that belongs to it"
        )
    unet = _resunet(tensors, _RELEASED, bands, 2, _RELEASED_MOMENTUM)
    return DenoisedMelMask(unet, MelDenoiser(bands))


def _resunet(
    tensors: Tensors, prefix: str, bands: int, inputs: int, momentum: float = 0.9
) -> ResUNet:
    """A ResUNet whose sizes follow from the shapes, for `bands` bands."""
    block, rest = f"{prefix}encoder_block%d.", "conv_block1.conv1.weight"
    levels = tensors.count(block, first=1)
    if bands <= 2**levels:
        raise UserError(
            f"{tensors.name_in_file(block % levels)}*: halves a number of bands {levels} times, "
            f"and the mel spectrogram has {bands}; give another vocoder or analysis"
        )
    channels = [tensors.shape(f"{block % n}{rest}", 4)[0] for n in range(1, levels + 1)]
    return ResUNet(channels, inputs, momentum)


def _analysis_prefix(names: Collection[str]) -> str | None:
    """The prefix of the names of an analysis' networks, one or two; None if it is no analysis.

    A ResUNet with its name in the release, but without a denoiser, is the baseline on spectra.
    """
    trained = prefix_of(names, [f"{_TRAINED}{_OF_UNET}"])
    return prefix_of(names, [_OF_DENOISER]) if trained is None else trained


def _advice(names: Collection[str]) -> str:
    if any(f".{_TRAINED}" in f".{name}" for name in names):
        return (
            "this is an analysis of VoiceFixer, and not by a ResUNet: give one of variant unet, "
            "or the released vf.ckpt"
        )
    if prefix_of(names, [f"{_RELEASED}{_OF_UNET}"]) is not None:
        return (
            "this is a ResUNet without a denoiser, as VoiceFixer's baseline on spectra: give the "
            "released vf.ckpt, or a checkpoint with analysis_module"
        )
    return ""


def _published(upsampler: VoiceFixer | Vocoder) -> Scores:
    paper = type(upsampler.network) is MelMask and has_size(upsampler.network, _SIZE)
    return _FIGURES if paper else {}


SYSTEM = System(
    "VoiceFixer",
    "github.com/haoheliu/voicefixer",
    "Liu et al. 2022, VoiceFixer: A unified framework for high-fidelity speech restoration",
    recognised,
    converted,
    options=("vocoder", "mode"),
    advice=_advice,
    published=_published,
)
