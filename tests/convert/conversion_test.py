"""`tfsr convert`: a file as its authors wrote it, a model folder, the same outputs."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import tfsr
from tfsr.convert import apbwe, nuwave, wsrglow
from tfsr.convert.conversion import card, convert, summary
from tfsr.convert.converted import rates_of_ratio
from tfsr.errors import UserError

RATES = (24000, 48000)


@pytest.fixture(scope="module")
def tensors(recorded_tensors) -> dict[str, np.ndarray]:
    found = recorded_tensors("nuwave_small", "w/")
    return {f"model.{name}": tensor for name, tensor in found.items()}


@pytest.fixture(scope="module")
def trainers_file(writing, tensors, tmp_path_factory):
    """With settings as OmegaConf's objects."""
    call, name = writing.Call, writing.Name

    def config(**values):
        nodes = {
            key: value if isinstance(value, writing.Call) else node(value)
            for key, value in values.items()
        }
        return call(name("omegaconf.dictconfig", "DictConfig"), (), {"_content": nodes})

    def node(value):
        return call(name("omegaconf.nodes", "AnyNode"), (), {"_parent": None, "_val": value})

    settings = config(audio=config(ratio=2, sr=48000), arch=config(dilation_cycle_length=3))
    content = {"epoch": 3, "optimizer": {"exp_avg": np.zeros(3, np.float32)}}
    content |= {"state_dict": tensors, "hyper_parameters": settings}
    return writing.zip(tmp_path_factory.mktemp("trainer") / "a.ckpt", content)


def test_a_trainers_file_becomes_a_model(trainers_file, tensors, tmp_path, run):
    folder = tmp_path / "model"
    done = run("-m", "tfsr.convert", str(trainers_file), "--float32_schedule", "-o", str(folder))
    assert done.returncode == 0, done.stderr
    assert "NU-Wave, 24000 to 48000 Hz" in done.stdout and "licence: look it up" in done.stdout
    assert "passed over" not in done.stdout
    model = tfsr.load(folder)
    assert "maum-ai/nuwave" in model.card.description
    schedule = model.upsampler.schedule
    assert schedule.steps == 8
    assert schedule.sampling().c1[:3] == pytest.approx([0.986895, 0.65793, 0.76608], abs=1e-5)
    low = np.random.default_rng(0).normal(0, 0.1, 300).astype(np.float32)
    made = nuwave.converted(tensors, RATES, 3, float32_schedule=True)
    expected = tfsr.load(made.upsampler).upsample(low, rate=24000)
    np.testing.assert_allclose(model.upsample(low, rate=24000), expected, atol=1e-6)


def test_settings_tell_the_rates_and_others_are_refused(trainers_file):
    _, made = convert(trainers_file)
    upsampler = made.upsampler
    assert (upsampler.input_rate, upsampler.output_rate) == RATES
    assert upsampler.network.receptive_field == 2 * (1 + 2 + 4)
    assert upsampler.schedule.sampling().c1[0] == pytest.approx(1)
    with pytest.raises(UserError, match=f"^{trainers_file}: rates: 48000 Hz is not 2 times 16000"):
        convert(trainers_file, (16000, 48000))


@pytest.mark.parametrize("form", ["stream", "safetensors"])
@pytest.mark.parametrize("name", ["nuwave_x2_01_EMA", "renamed"])
def test_an_average_is_named_after_its_ratio_or_rates_are_asked_for(
    writing, tensors, tmp_path, form, name
):
    path = getattr(writing, form)(tmp_path / name, tensors)
    if name == "renamed":
        with pytest.raises(UserError, match=f"^{path}: rates: .*--rates 24000,48000 or --rates 1"):
            convert(path)
    else:
        assert convert(path)[1].upsampler.input_rate == 24000
    assert convert(path, (8000, 16000))[1].upsampler.input_rate == 8000


def test_a_generator_is_named_after_its_rates(writing, recorded_tensors, tmp_path):
    recorded = recorded_tensors("apbwe_generator", "sd/")
    wide = {
        name: np.zeros([257 if size == 33 else size for size in tensor.shape], np.float32)
        for name, tensor in recorded.items()
    }
    path = writing.zip(tmp_path / "g_12kto48k", {"generator": wide, "steps": 1})
    system, made = convert(path)
    assert (made.upsampler.input_rate, made.upsampler.output_rate) == (12000, 48000)
    assert system.terms == "MIT, as https://github.com/yxlu-0102/AP-BWE says of code and weights."
    assert made.upsampler.card.scores == {}  # narrower than the authors'


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["encoder.weight"], "none of NU-Wave, .*, VoiceFixer, but encoder.weight$"),
        (["mpd.discriminators.0.convs.0.bias", "mrad.a"], "but mpd.*; these are AP-BWE's critics"),
        (
            ["generator.unet.encoder_block1.conv_block1.conv1.weight"],
            "but generator.unet.*; this is a ResUNet without a denoiser, as VoiceFixer's baseline",
        ),
        (["generator.analysis_module.0.weight"], "and not by a ResUNet: give one of variant unet"),
    ],
)
def test_other_files_are_told_with_their_names_and_what_to_give(writing, tmp_path, names, match):
    path = writing.zip(tmp_path / "b.pt", dict.fromkeys(names, np.zeros(3, np.float32)))
    with pytest.raises(UserError, match=f"^{path}: has the weights of .*{match}"):
        convert(path)


@pytest.mark.parametrize("option", [{"mode": 1}, {"vocoder": "itself"}])
def test_options_of_another_system_are_refused(trainers_file, option):
    given = {name: trainers_file if x == "itself" else x for name, x in option.items()}
    with pytest.raises(UserError, match=f"`{next(iter(option))}` is no option of NU-Wave"):
        convert(trainers_file, **given)


@pytest.mark.parametrize("rates", ["48000", "24000,48k", "-1,2", "24000,48000,3"])
def test_rates_that_are_none_are_told(run, rates):
    done = run("-m", "tfsr.convert", "a.ckpt", f"--rates={rates}", "-o", "model")
    assert done.returncode == 2 and f"--rates is '{rates}'" in done.stderr


def test_many_names_are_a_few_lines_that_count_them():
    assert summary([]) == []
    assert summary(["mel.fb", "a.1.bias", "a.22.bias"]) == ["mel.fb", "a.*.bias (2)"]
    kinds = [f"critic.{n}.{kind}" for kind in "abcdefghijklmnop" for n in range(9)]
    assert summary([*kinds, "mel.fb"]) == ["critic.*.* (144)", "mel.fb"]


def test_rates_of_a_ratio():
    assert rates_of_ratio(4, None) == (12000, 48000)
    assert rates_of_ratio(2, (8000, 16000)) == (8000, 16000)
    with pytest.raises(UserError, match="by 7, and 48000 Hz is no multiple of that"):
        rates_of_ratio(7, None)


def test_figures_are_published_of_the_authors_sizes_and_rates_alone():
    """Weights of the right number stand for a network here, whose full size takes seconds."""

    def upsampler(weights: int, *rates: int) -> SimpleNamespace:
        shape = SimpleNamespace(num_elements=lambda: weights)
        network = SimpleNamespace(trainable_weights=[SimpleNamespace(shape=shape)])
        low, high = rates
        return SimpleNamespace(network=network, input_rate=low, output_rate=high, ratio=high // low)

    ours = apbwe.SYSTEM.published(upsampler(29_760_515, 16000, 48000))
    assert ours["VCTK"]["estimate"] == {"lsd": 0.72, "visqol": 3.70}
    ours = nuwave.SYSTEM.published(upsampler(3_049_985, 16000, 48000))
    assert ours["VCTK, many speakers"]["estimate"] == {"snr": 24.0, "lsd": 0.997}
    ours = wsrglow.SYSTEM.published(upsampler(229_862_760, 24000, 48000))
    assert ours["VCTK"]["estimate"] == {"snr": 30.84, "lsd": 0.68}
    for system in nuwave, apbwe, wsrglow:
        assert system.SYSTEM.published(upsampler(1, 24000, 48000)) == {}
        assert system.SYSTEM.published(upsampler(29_760_515, 22050, 44100)) == {}


def test_published_figures_are_marked_in_the_card(trainers_file):
    system, made = convert(trainers_file)
    figures = {"VCTK": {"estimate": {"lsd": 1.0}}}
    known = card(dataclasses.replace(system, published=lambda _: figures), made)
    (protocol,) = known.scores
    assert protocol == "VCTK (published by the authors, not measured here)"
    assert "Lee & Han 2021" in known.test_set and known.parameters == 27_209
