"""One door to presets, folders and runs."""

import shutil

import gin
import numpy as np
import pytest
import tensorflow as tf

from tfsr import gin_config, presets
from tfsr.description.describe import describe
from tfsr.errors import UserError
from tfsr.export.saved_model import export_saved_model
from tfsr.export.tflite import export_tflite
from tfsr.loading import load, load_upsampler
from tfsr.model import Model
from tfsr.model_config import ModelConfig
from tfsr.training import distribution, loop
from tfsr.training.checkpoints import restore

CONFIG = "configs/spectral.gin"
LOW = np.float32(np.random.default_rng(0).normal(0, 0.1, [1, 700]))


@pytest.fixture(scope="module", autouse=True)
def repeatable():
    """Two runs of the same steps give the same bits, however busy the processor is."""
    distribution.keep_sums_of_two()
    yield
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": True})


@pytest.fixture(scope="module")
def run_dir(tiny, recordings, tmp_path_factory):
    """Of two steps, with moving averages of the weights."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    settings = [*tiny[CONFIG], f"DATA = {str(recordings)!r}", "STEPS = 2", "BATCH = 2"]
    settings += ["optimizers.Adam.use_ema = True", "optimizers.Adam.ema_momentum = 0.5"]
    built = gin_config.experiment([CONFIG], settings)
    built.upsampler.initialize()
    gin_config.write_operative_config(folder)
    gin.clear_config()
    loop.train(built, folder, tf.distribute.get_strategy())
    return folder


@pytest.fixture
def without_model(run_dir, tmp_path):
    """As versions of tfsr have left runs that wrote no model folder."""
    shutil.copytree(run_dir, tmp_path / "old")
    shutil.rmtree(tmp_path / "old" / "model")
    return tmp_path / "old"


def test_a_preset():
    name = presets.names()[0]
    assert load_upsampler(name).card == presets.get(name).card


def test_a_run_and_its_model_are_what_evaluation_uses(run_dir):
    expected = gin_config.load_run(run_dir).upsampler.upsample(LOW)
    for what in run_dir, str(run_dir), run_dir / "model":
        np.testing.assert_array_equal(load_upsampler(what).upsample(LOW), expected)


def test_the_model_of_a_run_has_a_card(run_dir):
    card = ModelConfig.read(run_dir / "model").card
    assert card.steps == 2
    assert card == load_upsampler(run_dir).card == gin_config.load_run(run_dir).upsampler.card
    assert [source.corpus for source in card.training_data]


def test_a_run_without_its_model(run_dir, without_model):
    expected = load_upsampler(run_dir).upsample(LOW)
    np.testing.assert_array_equal(load_upsampler(without_model).upsample(LOW), expected)


def test_a_run_with_other_settings(run_dir):
    changed = load_upsampler(run_dir, ["spectral.Spectral.level_db = 3.0"])
    assert describe(changed)["arguments"]["level_db"] == 3.0


def test_a_run_without_a_configuration(run_dir, tmp_path):
    """As one that was trained in Python."""
    shutil.copytree(run_dir / "model", tmp_path / "run" / "model")
    expected = load_upsampler(run_dir).upsample(LOW)
    np.testing.assert_array_equal(load_upsampler(tmp_path / "run").upsample(LOW), expected)
    with pytest.raises(UserError, match=r"no operative_config.gin there"):
        load_upsampler(tmp_path / "run", ["STEPS = 3"])


def test_training_goes_on_with_weights_and_not_with_their_averages(run_dir):
    again = gin_config.experiment([gin_config.operative_config(run_dir)], ["STEPS = 4"])
    again.upsampler.initialize()
    loop.train(again, run_dir, tf.distribute.get_strategy())
    at_once = gin_config.experiment([gin_config.operative_config(run_dir)], ["STEPS = 4"])
    at_once.upsampler.initialize()
    loop.train(at_once, run_dir.parent / "at_once", tf.distribute.get_strategy())
    gin.clear_config()
    for a, b in zip(again.upsampler.weights, at_once.upsampler.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    restore(at_once.upsampler, run_dir)
    np.testing.assert_array_equal(
        load_upsampler(run_dir).upsample(LOW), at_once.upsampler.upsample(LOW)
    )
    assert ModelConfig.read(run_dir / "model").card.steps == 4


def test_what_holds_nothing_says_what_it_lacks(tmp_path):
    with pytest.raises(UserError, match="holds no run and no model: neither config.json") as error:
        load_upsampler(tmp_path)
    assert "python -m tfsr.train --run_dir" in str(error.value)
    with pytest.raises(UserError, match=f"no such folder, .* presets are {presets.names()[0]}, "):
        load_upsampler("speach")


def test_the_user_s_own_settings_of_gin_stay(run_dir, without_model):
    gin.clear_config()
    gin.parse_config("WIDTH = 7")
    before = gin.config_str(), gin.operative_config_str(), gin.config_is_locked()
    for what in run_dir, without_model:
        load_upsampler(what)
        assert (gin.config_str(), gin.operative_config_str(), gin.config_is_locked()) == before
    with pytest.raises(UserError):
        gin_config.load_run(run_dir, ["NOTHING = 7"])
    assert (gin.config_str(), gin.operative_config_str(), gin.config_is_locked()) == before
    gin.clear_config()


def test_random_numbers_are_not_seeded_anew(without_model):
    np.random.seed(5)
    expected = np.random.random(3)
    np.random.seed(5)
    load_upsampler(without_model)
    np.testing.assert_array_equal(np.random.random(3), expected)


@pytest.fixture(scope="module")
def exports(streaming, tmp_path_factory):
    """What is made of `streaming`, by kind."""
    root = tmp_path_factory.mktemp("exports")
    kinds = {"whole.tflite": {}, "stream.tflite": {"streaming": True}, "one.tflite": {"samples": 9}}
    for name, how in kinds.items():
        export_tflite(streaming, root / name, **how)
    export_saved_model(streaming, root / "saved")
    Model("mine", upsampler=lambda: streaming).save(root / "folder")
    return root


@pytest.mark.parametrize("kind", ["whole.tflite", "saved", "folder"])
def test_what_was_exported_upsamples_alike(exports, streaming, kind):
    model, audio = load(exports / kind), LOW[0]
    assert repr(model) == f"<tfsr.Model {exports / kind}, 8000 to 16000 Hz>"
    assert model.latency_ms == (None if kind == "saved" else streaming.latency_ms)
    expected = load(streaming).upsample(audio)
    np.testing.assert_allclose(model.upsample(audio), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["stream.tflite", "folder"])
def test_what_streams_streams_alike(exports, streaming, kind):
    one, other = (
        np.concatenate(list(model.stream([LOW[0, :300], LOW[0, 300:]])))
        for model in (load(exports / kind), load(streaming))
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "kind, use, message",
    [
        ("whole.tflite", lambda model: list(model.stream([LOW[0]])), "with --streaming"),
        ("stream.tflite", lambda model: model.upsample(LOW[0]), "without --streaming"),
        ("one.tflite", lambda model: model.upsample(LOW[0]), "takes only pieces of 9 samples"),
        ("whole.tflite", lambda model: model.upsampler, "has no Keras model"),
        ("saved", lambda model: model.save("any"), "has no Keras model"),
    ],
)
def test_what_an_export_is_not_for_is_told(exports, kind, use, message):
    with pytest.raises(UserError, match=message):
        use(load(exports / kind))


def test_what_is_trained_further_upsamples(exports):
    model = load(exports / "folder")
    before = model.upsample(LOW[0])
    model.upsampler.network.set_weights([w * 0 for w in model.upsampler.network.get_weights()])
    assert np.abs(model.upsample(LOW[0]) - before).max() > 1e-4


def test_other_rates_than_the_folder_tells_are_refused(exports, tmp_path):
    export_folder = shutil.copytree(exports / "folder", tmp_path / "folder")
    shutil.copy(exports / "whole.tflite", export_folder / "model.tflite")
    text = (export_folder / "config.json").read_text()
    (export_folder / "config.json").write_text(text.replace('_rate": 16000', '_rate": 24000'))
    with pytest.raises(UserError, match="makes 16000 Hz of 8000, config.json says 24000 of 8000"):
        load(export_folder).upsample(LOW[0])


def test_whole_recordings_alone_are_told():
    with pytest.raises(UserError, match="^speech-16k-x2: wants whole recordings"):
        list(load("speech-16k-x2").stream([LOW[0]]))
