"""VoiceFixer's released weights, against what the authors' code made with recorded ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.convert import places, voicefixer
from tfsr.convert.converted import Converted
from tfsr.errors import UserError
from tfsr.networks.mel_mask import DenoisedMelMask, MelMask
from tfsr.signal.mel import log_mel
from tfsr.upsamplers.restoration import VoiceFixer
from tfsr.upsamplers.vocoder import Vocoder

FIXTURES = Path(__file__).parents[1] / "fixtures"
BANDS = 128
UNUSED = ("generator.3.skip_conv.bias", "generator.3.skip_conv.weight")
Tensors = dict[str, np.ndarray]


def under(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(0, 0.1, shape).astype(np.float32)


@pytest.fixture(scope="module")
def vocoder(recorded_weights) -> Tensors:
    """As in the released file, which has layers that are not used."""
    weights = recorded_weights("voicefixer_tfgan", "weights")
    return weights | dict(zip(UNUSED, (noise(16), noise(16, 32, 1)), strict=True))


@pytest.fixture(scope="module")
def whole_vocoder(vocoder) -> Tensors:
    """Of as many bands as the analysis, where ten were recorded."""
    return vocoder | {"condnet.0.weight_v": noise(12, BANDS, 3)}


@pytest.fixture(scope="module")
def trained(recorded_weights) -> Tensors:
    """An analysis as the training code has it."""
    weights = recorded_weights("voicefixer_resunet", "weights")
    counts = {"encoder_block1.conv_block1.bn1.num_batches_tracked": np.array(3)}
    return under("generator.analysis_module.", weights | counts)


@pytest.fixture(scope="module")
def released(recorded_weights) -> Tensors:
    """An analysis as in the released file. Of its second channel the ResUNet makes nothing."""
    unet = recorded_weights("voicefixer_resunet", "weights")
    for name in ("conv1", "shortcut"):
        of_one = unet[f"encoder_block1.conv_block1.{name}.weight"]
        of_two = np.concatenate([of_one, np.zeros_like(of_one)], axis=1)
        unet[f"encoder_block1.conv_block1.{name}.weight"] = of_two
    for name in ("weight", "bias", "running_mean", "running_var"):
        of_one = unet[f"encoder_block1.conv_block1.bn1.{name}"]
        unet[f"encoder_block1.conv_block1.bn1.{name}"] = np.repeat(of_one, 2)
    buffers = {"mel.fb": noise(5, 8), "vocoder.weight_torch": noise(1, 1, 1, BANDS)}
    return under("generator.unet.", unet) | under("generator.denoiser.", denoiser()) | buffers


@pytest.fixture(scope="module")
def restorer(released, whole_vocoder) -> Converted:
    """Of the released files; to make its layers takes seconds."""
    return voicefixer.converted(released, vocoder=whole_vocoder)


def denoiser() -> Tensors:
    dense = {"1": (256, 128), "4": (512, 256), "11": (512, 512), "15": (128, 512)}
    tensors = {f"{name}.weight": noise(*shape) for name, shape in dense.items()}
    tensors |= {f"{name}.bias": noise(shape[0]) for name, shape in dense.items()}
    for norm in ("0", "3", "7.bn", "8.bn", "9", "13"):
        tensors |= {f"{norm}.{x}": np.ones(1) for x in ("weight", "running_var")}
        tensors |= {f"{norm}.{x}": noise(1) for x in ("bias", "running_mean")}
    for gru in ("7.gru", "8.gru"):
        for end in ("l0", "l0_reverse", "l1", "l1_reverse"):
            for of, inputs in ("ih", 512), ("hh", 256):
                tensors[f"{gru}.weight_{of}_{end}"] = noise(768, inputs)
                tensors[f"{gru}.bias_{of}_{end}"] = noise(768)
    return tensors


def newer(tensors: Tensors) -> Tensors:
    """As newer versions of PyTorch name them."""
    names = "parametrizations.weight.original0", "parametrizations.weight.original1"
    return {
        name.replace("weight_g", names[0]).replace("weight_v", names[1]): tensor
        for name, tensor in tensors.items()
    }


def without_normalisation(tensors: Tensors) -> Tensors:
    """As PyTorch leaves them that takes it away."""
    plain = dict(tensors)
    for name in tensors:
        if name.endswith(".weight_g"):
            layer = name.removesuffix("_g")
            gain, direction = plain.pop(f"{layer}_g"), plain.pop(f"{layer}_v")
            norm = np.sqrt(np.square(direction).sum(axis=(1, 2), keepdims=True))
            plain[layer] = gain * direction / norm
    return plain


@pytest.mark.parametrize("stored", [dict, newer, without_normalisation])
@pytest.mark.parametrize("prefix", ["", "generator.", "vocoder.model."])
def test_the_vocoder_s_waveform_is_the_recorded_one(vocoder, stored, prefix):
    tensors = under(prefix, stored(vocoder))
    assert voicefixer.recognised(shapes(tensors))
    found = voicefixer.converted(tensors)
    assert found.passed_over == tuple(f"{prefix}{name}" for name in UNUSED)
    assert isinstance(found.upsampler, Vocoder) and found.upsampler.input_rate == 44100
    recorded = np.load(FIXTURES / "voicefixer_tfgan.npz")
    waveform = found.upsampler.network(recorded["odd_cond"])
    np.testing.assert_allclose(waveform[..., 0], recorded["odd_wav"], atol=1e-6)


def test_the_trained_analysis_is_the_recorded_one(trained, whole_vocoder):
    assert voicefixer.recognised(shapes(trained))
    found = voicefixer.converted(trained, (44100, 44100), whole_vocoder)
    (count,) = (name for name in trained if name.endswith("num_batches_tracked"))
    assert found.passed_over == (count, *UNUSED)
    assert isinstance(found.upsampler, VoiceFixer)
    network = found.upsampler.network
    assert type(network) is MelMask
    recorded = np.load(FIXTURES / "voicefixer_resunet.npz")
    np.testing.assert_allclose(network(recorded["mel"]), recorded["estimate"], atol=1e-5)


def test_the_released_analysis_adds_the_recorded_to_the_denoised(restorer):
    assert restorer.passed_over == ("mel.fb", "vocoder.weight_torch", *UNUSED)
    network = restorer.upsampler.network
    assert type(network) is DenoisedMelMask
    recorded = np.load(FIXTURES / "voicefixer_resunet.npz")
    mel = tf.constant(recorded["mel"])
    estimate, denoised = network.with_denoised(mel)
    expected = log_mel(denoised) + recorded["estimate"] - log_mel(mel)
    np.testing.assert_allclose(estimate, expected, atol=2e-5)
    np.testing.assert_array_equal(network.denoiser.layer.layers[1].bias, noise(256))


def test_the_vocoder_is_that_of_its_file(trained, whole_vocoder):
    restores = voicefixer.converted(trained, vocoder=whole_vocoder).upsampler
    resynthesizes = voicefixer.converted(whole_vocoder).upsampler
    mel = np.abs(noise(1, 12, BANDS))
    made, expected = (one.resynthesize(mel, 4410) for one in (restores.vocoder, resynthesizes))
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


def test_a_checkpoint_may_hold_its_vocoder(trained, whole_vocoder):
    both = trained | under("vocoder.model.", whole_vocoder)
    assert voicefixer.recognised(shapes(both))
    found = voicefixer.converted(both)
    counts = [name for name in trained if name.endswith("num_batches_tracked")]
    assert found.passed_over == (*counts, *(f"vocoder.model.{n}" for n in UNUSED))
    other = voicefixer.converted(trained, vocoder=whole_vocoder).upsampler
    audio = noise(1, 3000)
    made, expected = (one.upsample(audio) for one in (found.upsampler, other))
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


def without(tensors: Tensors, beginning: str) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(beginning)}


def changed(tensors: Tensors, name: str, change: Callable) -> Tensors:
    return tensors | {name: change(tensors[name])}


@pytest.mark.parametrize(
    "name",
    [
        *("condnet.0.weight_v", "condnet.8.bias", "generator.1.weight_g", "generator.16.bias"),
        *("generator.7.layers.1.1.weight_v", "generator.12.layer.bias"),
    ],
)
def test_weights_of_the_vocoder_that_do_not_fit_are_named(vocoder, name):
    with pytest.raises(UserError, match=f"^{name}: has the shape .*does not fit"):
        voicefixer.converted(changed(vocoder, name, lambda x: x[..., np.newaxis].repeat(2, -1)))
    plain = name.replace("weight_v", "weight_[vg]")
    with pytest.raises(UserError, match=f"^{plain}: is missing"):
        voicefixer.converted(without(vocoder, name))


@pytest.mark.parametrize(
    "name",
    [
        *("unet.conv_block7.bn2.running_var", "unet.decoder_block2.conv_block5.conv2.weight"),
        *("denoiser.15.bias", "denoiser.8.gru.weight_hh_l1_reverse", "denoiser.7.bn.weight"),
        "denoiser.7.gru.bias_hh_l0",
    ],
)
def test_weights_of_the_analysis_that_do_not_fit_are_named(released, restorer, name):
    name, network = f"generator.{name}", restorer.upsampler.network

    def put(tensors: Tensors) -> None:
        found = places.Tensors(tensors, "generator.")
        found.put(voicefixer.analysis_places(network), network)

    with pytest.raises(UserError, match=f"{name}: has the shape .*does not fit"):
        put(changed(released, name, lambda x: np.concatenate([x, x, x, x])))
    with pytest.raises(UserError, match=f"^{name}: is missing"):
        put({key: tensor for key, tensor in released.items() if key != name})


def test_a_level_that_is_missing(trained, whole_vocoder):
    gone = "generator.analysis_module.encoder_block3."
    with pytest.raises(UserError, match=rf"^{gone}\*: is missing"):
        voicefixer.converted(without(trained, gone), vocoder=whole_vocoder)


def test_an_analysis_wants_its_vocoder(trained, released, vocoder):
    for analysis in (trained, released):
        with pytest.raises(
            UserError, match="^vocoder: this file is .*analysis alone; give the fil"
        ):
            voicefixer.converted(analysis)
        with pytest.raises(
            UserError, match="^vocoder: has no condnet.0.bias and generator.1.bias; give"
        ):
            voicefixer.converted(analysis, vocoder=analysis)
    with pytest.raises(UserError, match="takes 10 mel bands, and the analysis gives 128; give"):
        voicefixer.converted(released, vocoder=vocoder)
    with pytest.raises(UserError, match="halves a number of bands 6 times, and .* has 10; give"):
        voicefixer.converted(trained, vocoder=vocoder)


def test_a_vocoder_wants_no_other(vocoder):
    with pytest.raises(UserError, match="^vocoder: the other file is no analysis"):
        voicefixer.converted(vocoder, vocoder=vocoder)


def test_there_are_no_other_rates(vocoder):
    with pytest.raises(UserError, match="^rates: VoiceFixer restores at 44100 Hz"):
        voicefixer.converted(vocoder, (16000, 44100))


def test_a_resunet_on_spectra_is_none(recorded_weights):
    """Under the name of the release, but without a denoiser: the baseline."""
    weights = recorded_weights("voicefixer_resunet_baseline", "weights")
    assert not voicefixer.recognised(shapes(under("generator.unet.", weights)))
