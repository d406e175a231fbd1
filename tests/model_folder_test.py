"""Folders as they come: whole, damaged, hostile."""

import functools
import json
import pickle
import random

import gin
import h5py
import numpy as np
import pytest
import tf_keras as keras

from tfsr import model_folder
from tfsr.description.describe import describe
from tfsr.errors import UserError
from tfsr.losses.waveform_distances import l1
from tfsr.model_card import ModelCard, Source
from tfsr.model_config import CONFIG, WEIGHTS, ModelConfig, Seal
from tfsr.networks.audiounet import AudioUNet
from tfsr.networks.critics import SrganCritic
from tfsr.networks.upper_bins import UpperBins
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.regression import Regression
from tfsr.upsamplers.spectral import Spectral
from tfsr.upsamplers.update import Batch

CARD = ModelCard("for tests", training_data=(Source("words", "CC0"),), steps=3)
LOW = np.float32(np.random.default_rng(0).normal(0, 0.1, [2, 100]))


def with_discriminators() -> Spectral:
    network = functools.partial(UpperBins, channels=4, blocks=1)
    adversarial = Adversarial({"whole": SrganCritic(2, 1)})
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 50))
    losses = {"l1": l1}
    upsampler = Spectral(
        network, 8000, 16_000, losses, adversarial=adversarial, optimizer=optimizer
    )
    upsampler.initialize()
    upsampler.card = CARD
    return upsampler


@pytest.fixture(scope="module")
def upsampler() -> Spectral:
    return with_discriminators()


@pytest.fixture
def folder(upsampler, tmp_path):
    upsampler.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def changed(folder):
    """A function that writes something else into the description, at a place in it."""

    def changed(*place: str, to: object) -> None:
        data = json.loads((folder / CONFIG).read_text())
        at = data
        for name in place[:-1]:
            at = at[name]
        at[place[-1]] = to
        (folder / CONFIG).write_text(json.dumps(data))

    return changed


def batch(samples: int) -> Batch:
    draw = np.random.default_rng(1).normal(0, 0.1, [4, 2 * samples])
    seeds = np.zeros([4, 2], np.int32)
    return {"low": np.float32(draw[:, ::2]), "high": np.float32(draw), "seed": seeds}


def test_the_card_comes_back(folder):
    assert model_folder.load(folder).card == CARD
    assert ModelConfig.read(folder).card == CARD


def test_training_goes_on_after_opening(folder, upsampler):
    opened = model_folder.load(folder)
    assert opened.loss_names == upsampler.loss_names
    opened.compile()
    assert all(np.isfinite(loss) for loss in opened.train_step(batch(1024)).values())


def test_a_network_takes_the_weights_of_a_folder(folder, upsampler):
    other = with_discriminators().network
    other_network = AudioUNet((4,))
    other_network(np.zeros([1, 64, 1], np.float32))
    model_folder.take_network(other, folder)
    for theirs, ours in zip(upsampler.network.weights, other.weights, strict=True):
        np.testing.assert_array_equal(theirs, ours)
    with pytest.raises(UserError, match=f"not in both file and this network; only .* of {folder}"):
        model_folder.take_network(other_network, folder)


def test_upsampling_alone_needs_no_discriminators(folder, upsampler):
    opened = model_folder.load(folder, for_training=False)
    assert not hasattr(opened, "discriminators")
    np.testing.assert_array_equal(opened.upsample(LOW), upsampler.upsample(LOW))


def test_a_folder_of_format_1_opens(folder, upsampler, changed):
    data = json.loads((folder / CONFIG).read_text())["model"]
    arguments = data["arguments"]
    arguments["jury"] = arguments.pop("adversarial")
    changed("model", to=data)
    changed("format", to=1)
    opened = model_folder.load(folder)
    np.testing.assert_array_equal(opened.upsample(LOW), upsampler.upsample(LOW))


def test_half_precision_takes_half_the_space(upsampler, tmp_path):
    upsampler.save(tmp_path / "whole")
    upsampler.save(tmp_path / "half", half_precision=True)
    whole, half = (model_folder.load(tmp_path / name) for name in ("whole", "half"))
    for a, b in zip(whole.weights, half.weights, strict=True):
        np.testing.assert_array_equal(np.float16(a), b)
    with h5py.File(tmp_path / "half" / WEIGHTS) as file:
        assert file["network/trunk/start/kernel"].dtype == np.float16


def test_random_numbers_are_those_that_would_have_been_drawn(folder):
    random.seed(5), np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5), np.random.seed(5)
    model_folder.load(folder)
    assert (random.random(), np.random.random()) == expected


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.tflite"])
def test_the_name_of_a_file_is_refused(upsampler, tmp_path, name):
    with pytest.raises(UserError, match=f"{name}: a model is saved as a folder"):
        upsampler.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_refused(upsampler, folder):
    with pytest.raises(UserError, match="model: already there; remove it"):
        upsampler.save(folder)


def test_a_class_of_somebody_s_own_is_refused_and_nothing_left(tmp_path):
    class Mine(AudioUNet):
        pass

    def far(high, estimate):
        return high - estimate

    upsampler = Regression(Mine((4,)), 8000, 16_000)
    with pytest.raises(UserError, match=r"model\.network: Mine is no class of tfsr's"):
        upsampler.save(tmp_path / "model")
    upsampler = Regression(AudioUNet((4,)), 8000, 16_000, {"far": far})
    with pytest.raises(UserError, match=r"model\.losses\.far: far is no function of tfsr's.*list"):
        upsampler.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path):
    upsampler = with_discriminators()
    upsampler.network.amplitude.bias.assign(upsampler.network.amplitude.bias * np.nan)
    with pytest.raises(UserError, match="network/amplitude/bias is not finite"):
        upsampler.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


class Attack:
    def __reduce__(self):
        return eval, ("1 / 0",)


NOBODY_S = [
    *("os.system", "tfsr.errors.UserError", "eval", "__import__", "Layer", "Lambda", "l1", ""),
    *(7, None, ["Spectral"], {"class": "Spectral"}),
]


@pytest.mark.parametrize("name", NOBODY_S, ids=str)
@pytest.mark.parametrize("kind", ["class", "partial", "function"])
def test_what_is_not_on_the_list_is_never_looked_up(folder, changed, monkeypatch, kind, name):
    monkeypatch.setattr("os.system", lambda _: pytest.fail("was called"))
    node = {kind: name} | ({} if kind == "function" else {"arguments": {"command": "true"}})
    if (kind, name) == ("function", "l1"):
        node = {kind: "LogStft"}
    changed("model", "arguments", "network", to=node)
    refused(folder, r"model\.network: .* is nothing that tfsr has")


def refused(folder, pattern: str) -> None:
    with pytest.raises(UserError, match=pattern) as error:
        model_folder.load(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
    assert str(error.value).startswith(f"{folder / CONFIG}: ")


@pytest.mark.parametrize(
    ("place", "to", "pattern"),
    [
        (["model"], [], r"the file\.model: wants names and values"),
        (["model", "class"], "Adversarial", "model: Adversarial has no argument"),
        (["model", "arguments"], [1], '"arguments" wants names and values'),
        (["model", "arguments", "self"], 1, "Spectral has no argument 'self'"),
        (["model", "arguments", "cls"], 1, "Spectral has no argument 'cls'"),
        (["model", "arguments", "interpolation"], "much", "model: Spectral cannot be made so"),
        (["model", "arguments", "passed"], "much", "model: `Spectral.passed`: 'much' does not fit"),
        (["model", "arguments", "codec"], None, "model: Spectral cannot be made so"),
        (["model", "arguments", "codec", "function"], "l1", r'model\.codec: wants "class" or'),
        (["model", "arguments", "codec", "arguments", "n_fft"], 7, r"model\.codec: "),
        (["model", "arguments", "codec", "arguments", "n_fft"], [], r"model\.codec: "),
        (
            ["model", "arguments", "optimizer", "arguments", "learning_rate"],
            {"class_name": "Lambda", "module": "os", "config": {}},
            r"model\.optimizer\.learning_rate: 'class_name' is no name that tfsr takes",
        ),
        (["model", "arguments", "network", "arguments", "channels"], -4, "model: "),
        (["model", "arguments", "network", "arguments", "kernels"], 7, "no argument 'kernels'"),
        (["input_rate"], 4000, "makes 16000 Hz of 8000, the file says 16000 of 4000"),
        (["input_rate"], "8000", r"the file\.input_rate: wants a whole number, not '8000'"),
        (["input_rate"], True, r"the file\.input_rate: wants a whole number, not 'True'"),
        (["format"], 3, "is of format 3; a newer tfsr than this one reads it"),
        (["format"], 0, "is of format 0, which there is not"),
        (["format"], -1, "is of format -1, which there is not"),
        (["card", "steps"], "many", r"card\.steps: wants a whole number"),
        (
            ["card", "suited_to"],
            "music",
            r"card\.suited_to: wants one of '', 'telephone', 'streams'",
        ),
        (["card", "suited_to"], 7, r"card\.suited_to: wants a text"),
        (["card", "training_data"], [{"corpus": "x"}], r"training_data\[0\]: has no 'licence'"),
        (["card", "scores"], {"tfsr": [1]}, r"card\.scores\.tfsr: wants names and values"),
        (["card", "scores"], {"t": {"e": {"LSD": []}}}, r"card\.scores\.t\.e\.LSD: wants a"),
        (["more"], 1, "'more' is nothing that tfsr knows"),
        (["input_rate"], -8000, r"the file\.input_rate: wants a number above 0, not -8000"),
        (["latency_ms"], float("nan"), "is no JSON that tfsr writes .NaN is no number"),
    ],
)
def test_a_description_that_does_not_fit_is_told_by_its_place(folder, changed, place, to, pattern):
    changed(*place, to=to)
    refused(folder, pattern)


def test_nesting_has_an_end(folder, changed):
    deep = []
    for _ in range(100):
        deep = [deep]
    changed("model", "arguments", "passed", to=deep)
    refused(folder, "is nested more than 32 deep")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("[" * 100_000, "is no JSON that tfsr writes"),
        ("{", "is no JSON that tfsr writes"),
        ("null", "wants names and values"),
        (" " * 4_000_001, "has more than 4000000 bytes"),
    ],
)
def test_what_is_no_description(folder, text, pattern):
    (folder / CONFIG).write_text(text)
    refused(folder, pattern)


def test_no_description_at_all(tmp_path):
    refused(tmp_path, "cannot be read")


def sealed_again(folder) -> None:
    data = json.loads((folder / CONFIG).read_text())
    seal = Seal.of(folder / WEIGHTS)
    data["weights"] = {"size": seal.size, "sha256": seal.sha256}
    (folder / CONFIG).write_text(json.dumps(data))


def test_other_weights_than_the_sealed_ones_are_refused(folder):
    (folder / WEIGHTS).write_bytes(b"others")
    with pytest.raises(UserError, match=rf"{WEIGHTS}: is not as it was made"):
        model_folder.load(folder)


def test_a_pickle_is_not_read(folder):
    (folder / WEIGHTS).write_bytes(pickle.dumps(Attack()))
    sealed_again(folder)
    with pytest.raises(UserError, match=rf"{WEIGHTS}: is no HDF5 file"):
        model_folder.load(folder)


@pytest.mark.parametrize(
    ("name", "value", "pattern"),
    [
        ("network/amplitude/bias", np.zeros(3), "network/amplitude/bias has another shape"),
        ("network/amplitude/bias", None, "network/amplitude/bias is not in both"),
        ("network/more", np.zeros(3), "network/more is not in both"),
    ],
)
def test_weights_of_another_model_are_refused(folder, name, value, pattern):
    with h5py.File(folder / WEIGHTS, "a") as file:
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value
    sealed_again(folder)
    with pytest.raises(UserError, match=pattern):
        model_folder.load(folder)


def test_gin_builds_what_is_written_without_it(build, tmp_path):
    """Also a class that a configuration only names, and calls with settings of its own."""
    upsampler = build("configs/spectral.gin", steps=1).upsampler
    described = describe(upsampler)
    upsampler.save(tmp_path / "model")
    gin.clear_config()
    assert describe(model_folder.load(tmp_path / "model")) == described
    assert described["arguments"]["network"]["arguments"]["channels"] == 8
