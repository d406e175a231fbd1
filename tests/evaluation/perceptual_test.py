import importlib.util
import logging
import math
import sys

import numpy as np
import pytest

from tfsr.data.bundled import Bundled
from tfsr.errors import UserError
from tfsr.evaluation.metrics import Snr, finite_mean
from tfsr.evaluation.perceptual import (
    DistillMos,
    DnsmosP808,
    Judge,
    PesqWideband,
    Stoi,
    VisqolAudio,
    VisqolSpeech,
)
from tfsr.evaluation.restoration_metrics import Aligned, Ssim
from tfsr.optional_imports import available
from tfsr.signal.resample import resample

RATE = 44100

with_distillmos = pytest.mark.skipif(
    importlib.util.find_spec("distillmos") is None,
    reason="distillmos is not installed: pip install 'tfsr[listeners]'",
)
DISTILLMOS = pytest.param(DistillMos(), marks=with_distillmos, id="DistillMos")
JUDGES = [PesqWideband(), VisqolAudio(), DnsmosP808(), DISTILLMOS]
COLUMNS = {"SNR": Snr(), "STOI": Stoi(), "PESQ": PesqWideband(), "late": Aligned(PesqWideband())}


def speech_like(seconds: float) -> np.ndarray:
    """Noise in syllables."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(time.size)
    return 0.1 * noise * np.sin(2 * np.pi * 4 * time) ** 2


def value(metric, reference, estimate, rate=RATE) -> float:
    return metric(reference, estimate, rate, rate / 2)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Two seconds of a voice at 16 kHz."""
    return Bundled().recordings("test")[0].read(16000, 8000, 40000)


class Halves(Judge):
    """The share that the estimate has of the reference's samples."""

    package = "math"
    rate = 8000

    def judged(self, package, reference, estimate):
        assert reference.size == estimate.size
        return package.fsum(estimate**2) / package.fsum(reference**2)


def test_a_judge_hears_both_at_its_own_rate():
    low, high = (np.sin(2 * np.pi * hz * np.arange(RATE) / RATE) for hz in (1000, 6000))
    assert value(Halves(), low, low + high) == pytest.approx(1, abs=1e-3)
    assert value(Halves(), low + high, 0.5 * low) == pytest.approx(0.25, abs=1e-3)


def test_equal_signals_score_best():
    sound = speech_like(1.0)
    assert value(PesqWideband(), sound, sound) == pytest.approx(4.64, abs=0.01)
    assert value(VisqolAudio(), sound, sound) == pytest.approx(4.73, abs=0.01)
    assert value(Stoi(), sound, sound) == pytest.approx(1)


@pytest.mark.parametrize("metric", JUDGES)
def test_clean_speech_scores_better_than_noisy_and_narrow(metric, speech):
    noisy = speech + 0.01 * np.random.default_rng(0).standard_normal(speech.size)
    narrow = resample(resample(speech, 16000, 4000), 4000, 16000)
    clean = value(metric, speech, speech, 16000)
    for worse in (noisy, narrow):
        assert 1 < value(metric, speech, worse, 16000) < clean - 0.1
    assert clean < 5


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (PesqWideband(), 4.64),
        (VisqolAudio(), 4.73),
        (VisqolSpeech(), 4.68),
        (DnsmosP808(), 2.8),
        pytest.param(DistillMos(), 4.06, marks=with_distillmos),
    ],
)
def test_recorded_scores_of_a_clean_voice(metric, expected, speech):
    assert value(metric, speech, speech, 16000) == pytest.approx(expected, abs=0.1)


def test_more_noise_scores_worse():
    sound, noise = speech_like(1.0), np.random.default_rng(1).standard_normal(RATE)
    for metric in (PesqWideband(), Stoi()):
        little, much = (value(metric, sound, sound + x * noise) for x in (0.01, 0.1))
        assert much < little < value(metric, sound, sound)


def test_pesq_takes_any_level():
    sound, noise = speech_like(1.0), np.random.default_rng(1).standard_normal(RATE)
    scores = [value(PesqWideband(), x * sound, x * (sound + 0.01 * noise)) for x in (0.1, 1, 10)]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-3)


def test_float32_at_any_rate():
    for metric in (PesqWideband(), Stoi()):
        for rate in (8000, 16000, 48000):
            sound = speech_like(1.0).astype(np.float32)
            assert value(metric, sound, sound, rate) > 0.99


@pytest.mark.parametrize("samples", [1, 2, 100, 300, 2000, 9000])
def test_too_short_to_judge(samples):
    sound = speech_like(1.0)[20000 : 20000 + samples]
    assert value(PesqWideband(), sound, sound) == -math.inf
    assert value(Stoi(), sound, sound) == -math.inf


def test_visqol_wants_a_second():
    sound = speech_like(1.1)
    shortest = math.ceil(VisqolAudio.shortest * RATE / 48000)
    assert value(VisqolAudio(), sound[:shortest], sound[:shortest]) > 4.7
    assert value(VisqolAudio(), sound[: shortest - 2], sound[: shortest - 2]) == -math.inf


def test_visqol_for_speech_leaves_out_what_is_too_short():
    sound = speech_like(1.0)
    for samples in (4000, 21000, 24000):
        assert value(VisqolSpeech(), sound[:samples], sound[:samples]) == -math.inf
    assert value(VisqolSpeech(), sound, sound) > 3


@with_distillmos
def test_distillmos_takes_any_length_and_level(speech):
    scores = [value(DistillMos(), x * speech, x * speech, 16000) for x in (0.1, 10)]
    assert scores == pytest.approx([scores[0]] * 2, abs=1e-3)
    for samples in (1, 100, 4000):
        assert 1 < value(DistillMos(), speech[:samples], speech[:samples], 16000) < 5


@pytest.mark.parametrize("seconds", [1.5, 10.2])
def test_dnsmos_is_that_of_its_authors_program(speech, seconds):
    dnsmos = pytest.importorskip("speechmos.dnsmos")
    sound = np.resize(speech, int(seconds * 16000))
    expected = dnsmos.run(sound, 16000)["p808_mos"]
    assert value(DnsmosP808(), sound, sound, 16000) == pytest.approx(expected, abs=1e-4)


def test_dnsmos_hears_what_a_file_holds(speech):
    loud = 20 * speech
    heard = value(DnsmosP808(), loud, loud, 16000)
    assert heard == value(DnsmosP808(), loud, np.clip(loud, -1, 1), 16000)


@pytest.mark.parametrize("metric", JUDGES)
def test_silence_is_left_out_of_means(metric):
    sound, silence = speech_like(1.0), np.zeros(RATE)
    for pair in ((silence, sound), (sound, silence), (silence, silence)):
        assert value(metric, *pair) == -math.inf
    assert finite_mean([value(metric, silence, sound), 2.0]) == 2.0


def test_stoi_of_a_click_is_left_out_of_means():
    click = np.zeros(RATE)
    click[20000] = 1.0
    assert value(Stoi(), click, click) == -math.inf


@pytest.mark.parametrize("metric", [*JUDGES, Stoi()])
def test_an_estimate_that_is_no_number_is_seen(metric):
    sound = speech_like(1.0)
    for broken in (np.full(RATE, np.nan), np.where(np.arange(RATE) == 9999, np.nan, sound)):
        assert math.isnan(value(metric, sound, broken))


@pytest.mark.parametrize(
    ("metric", "package", "extra"),
    [
        (PesqWideband(), "pesq", "eval"),
        (VisqolAudio(), "visqol", "eval"),
        (DnsmosP808(), "speechmos", "eval"),
        (DistillMos(), "distillmos", "listeners"),
        (Stoi(), "pystoi", "eval"),
        (Ssim(), "skimage", "eval"),
        (Aligned(Stoi()), "pystoi", "eval"),
    ],
)
def test_a_metric_without_its_package_names_the_way_out(monkeypatch, metric, package, extra):
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    tone = np.sin(np.arange(20000))
    with pytest.raises(UserError, match=rf"{package} .* pip install 'tfsr\[{extra}\]'"):
        metric(tone, tone, 16000, 8000)


def test_all_columns_are_kept_where_all_is_installed(caplog):
    assert available(COLUMNS) == COLUMNS
    assert not caplog.records


def test_columns_of_missing_packages_are_left_out_and_named(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pesq", None)
    with caplog.at_level(logging.WARNING, "tfsr"):
        assert list(available(COLUMNS)) == ["SNR", "STOI"]
    told = [record.message for record in caplog.records]
    assert told == [
        f"no {column}: pesq is not installed: pip install 'tfsr[eval]'"
        for column in ("PESQ", "late")
    ]
