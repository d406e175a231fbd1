import functools
import re
from collections.abc import Callable
from pathlib import Path

import gin
import pytest

from tfsr import gin_config, presets
from tfsr.errors import UserError
from tfsr.gin_names import Allowed
from tfsr.networks.audiounet import AudioUNet
from tfsr.upsamplers.regression import Regression

ROOT = Path(__file__).parents[1]
AUDIOUNET = "configs/audiounet.gin"
AVERAGES = "optimizers.Adam.use_ema = True"
WRONG = "ema_momentum = 7"  # which Keras refuses
TINY = ["FILTERS = (4, 4)", "PATCH = 512", "BATCH = 2"]


@pytest.fixture(autouse=True)
def settings(recordings):
    yield [*TINY, f"DATA = {str(recordings)!r}"]
    gin.clear_config()


def test_classes_come_out_as_they_are_with_the_bindings_in_order(settings):
    built = gin_config.experiment([AUDIOUNET], [*settings, "STEPS = 7", "STEPS = 8"])
    assert type(built.upsampler) is Regression
    assert type(built.upsampler.network) is AudioUNet
    assert built.steps == 8 and built.data.batch == 2


def test_a_new_run_may_begin_with_a_preset(settings):
    begun = 'experiment.Experiment.pretrained = {"network": "speech-16k-x2"}'
    built = gin_config.experiment([AUDIOUNET], [*settings, begun])
    assert built.pretrained == {"network": str(presets.get("speech-16k-x2").folder)}


def test_configurations_are_found_from_any_folder(settings, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert gin_config.experiment(["configs/small/audiounet.gin"], settings).data.batch == 2
    assert not capfd.readouterr().err


def test_a_later_file_overrides_an_earlier_one(settings, tmp_path):
    (tmp_path / "more.gin").write_text("STEPS = 9\n")
    built = gin_config.experiment([AUDIOUNET, str(tmp_path / "more.gin")], settings)
    assert built.steps == 9


@pytest.mark.parametrize(
    ("binding", "named"),
    [
        ("FILTRES = (4,)", "FILTRES"),
        ("audiounet.AudioUNet.filtres = (4,)", "filtres"),
        ("audiounet.AudioNet.filters = (4,)", "AudioNet"),
        ("audionet.AudioUNet.filters = (4,)", "audionet"),
        ("FILTERS = (4", "FILTERS"),
    ],
)
def test_a_misspelt_name_is_refused_and_named(settings, binding, named):
    with pytest.raises(UserError, match=named) as error:
        gin_config.experiment([AUDIOUNET], [*settings, binding])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("binding", "told"),
    [
        ('STEPS = "many"', r"Experiment.steps \(by STEPS\) wants a whole number, not 'many'"),
        ("BATCH = None", r"Patches.batch \(by BATCH\) wants a whole number, not None"),
        ('LEARNING_RATE = "fast"', r"Adam.learning_rate .* wants a number, not 'fast'"),
        ("FILTERS = (4, 1.5)", r"AudioUNet.filters .* wants a list, each a whole number"),
        ("experiment.Experiment.steps = True", r"Experiment.steps wants a whole number, not True"),
        ("experiment.Experiment.upsampler = 3", r"Experiment.upsampler wants @Upsampler, not 3"),
        ("SEED = -1", r"SEED wants a whole number from 0"),
        ('SEED = "x"', r"SEED wants a whole number from 0"),
        ("regression.Regression.losses = {1: @losses.l1}", "Regression.losses wants names in quot"),
        (f"optimizers.Adam.{WRONG}", r"the values of Adam do not fit \(ValueError: `ema_m[^']*$"),
    ],
)
def test_values_of_the_wrong_kind_are_told_by_name(settings, binding, told):
    with pytest.raises(UserError, match=f"^configuration: {told}") as error:
        gin_config.experiment([AUDIOUNET], [*settings, AVERAGES, binding])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("binding", "told"),
    [
        ("FILTERS = ()", r"`AudioUNet.filters`: \(\) does not fit; give one number at least"),
        ("FILTERS = (4, -4)", "`AudioUNet.filters`: -4 does not fit; give a whole number, from 1"),
        ("audiounet.AudioUNet.dropout = 7", "`AudioUNet.dropout`: 7 does not fit; give .* below 1"),
        ("lowpass.Chebyshev.edge = -1", "`Chebyshev.edge`: -1 does not fit; give a number, above"),
        ("optimizers.Adam.clipnorm = -1", "`Adam.clipnorm`: -1 does not fit"),
        ("LEARNING_RATE = -1e-3", "`Adam.learning_rate`: -0.001 does not fit"),
        ('regression.Regression.weights = {"rmse": -1}', r"`Regression.weights\[\"rmse\"\]`: -1"),
        ('experiment.Experiment.pretrained = {"net": "a"}', "pretrained names 'net', which is no"),
    ],
)
def test_values_out_of_range_are_told_by_name(settings, binding, told):
    with pytest.raises(UserError, match=told) as error:
        gin_config.experiment([AUDIOUNET], [*settings, binding])
    assert not re.search(r"\n|In call", str(error.value))


def test_code_of_the_user_s_keeps_its_traceback(settings):
    wrong = [AVERAGES, f"optimizers.Adam.{WRONG}"]
    with pytest.raises(ValueError):
        gin_config.experiment([AUDIOUNET], [*settings, *wrong], allow_import=["mine"])


def test_weights_that_cannot_be_made_are_told(settings, monkeypatch):
    built = gin_config.experiment(["configs/spectral.gin"], [settings[-1]])
    monkeypatch.setattr(type(built.upsampler), "initialize", lambda _: [][0])
    with pytest.raises(UserError, match="^configuration: its values do not fit .IndexError"):
        gin_config.initialize(built, [])


def test_a_macro_that_nothing_reads_is_refused(settings, tmp_path):
    (tmp_path / "typo.gin").write_text(f"include '{AUDIOUNET}'\nSTEP = 9\n")
    with pytest.raises(UserError, match="STEP is set, but nothing uses it"):
        gin_config.experiment([str(tmp_path / "typo.gin")], settings)


def test_a_macro_that_lost_its_reader_is_refused_only_where_it_was_asked_for(settings):
    settings = ["pipeline.Patches.patch = 512", *(s for s in settings if "PATCH" not in s)]
    assert gin_config.experiment([AUDIOUNET], settings).data.patch == 512
    with pytest.raises(UserError, match="PATCH is set, but nothing uses it"):
        gin_config.experiment([AUDIOUNET], [*settings, "PATCH = 1024"])


def switches() -> list[tuple[str, tuple[str, ...]]]:
    """(configuration, settings) for each variant of the headers.

    A setting whose comment ends in "with" goes together with the next one.
    """
    found = []
    for path in sorted((ROOT / "configs").glob("*.gin")):
        header = path.read_text().partition("\n\n")[0]
        lines = re.findall(r"^#   ((?:\w+\.)*\w+ = .+?)(?:  +(.*))?$", header, re.MULTILINE)
        partner = ()
        for setting, comment in lines:
            together = (*partner, setting)
            partner = together if comment.endswith("with") else ()
            if not partner:
                found.append((f"configs/{path.name}", together))
    return found


@pytest.fixture(scope="module")
def as_it_is(recordings) -> Callable[[str], str]:
    """From a configuration to all that is set where no switch of it is."""

    def as_it_is(config: str) -> str:
        gin_config.experiment([config], [f"DATA = {str(recordings)!r}"])
        return gin.operative_config_str()

    return functools.cache(as_it_is)


@pytest.mark.parametrize(("config", "switch"), switches())
def test_every_switch_of_a_header_changes_what_is_built(config, switch, recordings, as_it_is):
    before = as_it_is(config)
    built = gin_config.experiment([config], [f"DATA = {str(recordings)!r}", *switch])
    assert gin.operative_config_str() != before
    assert built.upsampler.ratio in (1, 2, 4)


def test_the_headers_offer_the_variants():
    assert len(switches()) >= 35


def test_a_setting_that_nothing_reads_is_refused(settings):
    unread = "lowpass.Butterworth.order = 4"
    with pytest.raises(UserError, match="Butterworth.order is set, but nothing uses it"):
        gin_config.experiment([AUDIOUNET], [*settings, unread])


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match="nowhere.gin"):
        gin_config.experiment(["nowhere.gin"], [])


def test_rates_that_disagree_are_refused(settings):
    with pytest.raises(UserError, match="set both alike"):
        gin_config.experiment([AUDIOUNET], [*settings, "pipeline.Patches.input_rate = 4000"])


def test_the_operative_config_rebuilds_the_run(settings, tmp_path):
    gin_config.experiment([AUDIOUNET], [*settings, "SEED = 3"])
    gin_config.write_operative_config(tmp_path)
    first = gin.operative_config_str()
    gin_config.experiment([gin_config.operative_config(str(tmp_path))], [])
    assert gin.operative_config_str() == first


def test_names_of_older_versions_are_understood(tmp_path):
    path = tmp_path / "old.gin"
    path.write_text(
        "from __gin__ import dynamic_registration\n"
        "from tfsr.upsamplers import restoration\n"
        "restoration.BaselineUNet.halo_seconds = 0.25\n"
    )
    gin_config._parse([str(path)], [], Allowed((), only_used=True))
    assert gin.query_parameter("restoration.BaselineUNet.context_seconds") == 0.25


def test_modules_of_older_versions_are_found(tmp_path):
    path = tmp_path / "old.gin"
    path.write_text(
        "from __gin__ import dynamic_registration\n"
        "from tfsr.losses import regression as losses\n"
        "from tfsr.losses import spectral\n"
        "from tfsr.upsamplers import regression\n"
        'regression.Regression.losses = {"l1": @losses.l1, "log_stft": @spectral.LogStft()}\n'
        "spectral.LogStft.fft_sizes = (64,)\n"
    )
    gin_config._parse([str(path)], [], Allowed((), only_used=True))
    assert gin.query_parameter("LogStft.fft_sizes") == (64,)


def test_discriminators_of_older_versions_are_told(tmp_path):
    path = tmp_path / "old.gin"
    path.write_text("judged.Jury.start_step = 3\n")
    with pytest.raises(UserError, match="sets discriminators as an earlier tfsr did.*pretrained"):
        gin_config._parse([str(path)], [], Allowed((), only_used=True))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "x.gin: sets no parameter of experiment.Experiment"),
        ("include 'x.gin'\n", "configuration x.gin: maximum recursion depth"),
    ],
)
def test_configurations_that_describe_nothing_are_told(text, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.gin").write_text(text)
    with pytest.raises(UserError, match=told) as error:
        gin_config.experiment(["x.gin"], [])
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        gin_config.operative_config(str(tmp_path))
