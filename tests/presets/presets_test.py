import hashlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tfsr
from tfsr import presets
from tfsr.data.bundled import Bundled
from tfsr.degradation.decimation import Decimate
from tfsr.errors import UserError
from tfsr.evaluation.metrics import LowBandSnr, Lsd
from tfsr.lite.interpreter import WholeRecordings
from tfsr.lite.streams import LiteStreams
from tfsr.loading import load_streams, load_upsampler
from tfsr.model_card import RESTORATION, STREAMS, TELEPHONE
from tfsr.model_config import MODEL_TFLITE, STREAM_TFLITE, STREAMS_TFLITE, WEIGHTS
from tfsr.presets.card import board, card, table
from tfsr.signal.interpolation import Spline

NAMES = presets.names()
RESTORING = [name for name in NAMES if presets.get(name).suited_to == RESTORATION]
WIDENING = [name for name in NAMES if name not in RESTORING]
LARGEST = 8_000_000


@pytest.fixture(params=NAMES)
def preset(request) -> presets.Preset:
    return presets.get(request.param)


@pytest.fixture(params=RESTORING)
def restoring(request) -> presets.Preset:
    return presets.get(request.param)


@pytest.fixture(params=WIDENING)
def widening(request) -> presets.Preset:
    return presets.get(request.param)


def test_what_comes_with_the_package():
    assert {"telephony-8k-16k", "speech-16k-x2", "speech-16k-x4", "speech-48k-x3"} <= set(NAMES)
    for name in NAMES:
        assert (presets.get(name).folder / MODEL_TFLITE).stat().st_size <= LARGEST


def test_its_weights_are_those_that_were_made(preset):
    data = (preset.folder / WEIGHTS).read_bytes()
    assert len(data) == preset.config.weights.size <= LARGEST
    assert hashlib.sha256(data).hexdigest() == preset.config.weights.sha256


def test_a_preset_says_what_it_is_for():
    suited = {name: presets.get(name).suited_to for name in NAMES if presets.get(name).suited_to}
    assert suited == {
        "telephony-8k-16k": TELEPHONE,
        "speech-16k-48k-live": STREAMS,
        "restore-16k": RESTORATION,
    }


def test_what_streams_has_a_file_for_it():
    assert "telephony-8k-16k" in presets.streaming()
    for name in NAMES:
        streams = (presets.get(name).folder / STREAM_TFLITE).exists()
        assert streams == (name in presets.streaming())


def test_what_is_known_is_read_without_tensorflow():
    code = "import sys; from tfsr import presets; " + (
        f"print(presets.get({NAMES[0]!r}).card.description, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{presets.get(NAMES[0]).card.description} False\n"


def test_it_is_what_its_description_says(preset):
    upsampler = load_upsampler(preset.name)
    config = preset.config
    assert (upsampler.input_rate, upsampler.output_rate) == (config.input_rate, config.output_rate)
    assert upsampler.latency_ms == config.latency_ms
    assert upsampler.card == preset.card
    assert upsampler.count_params() == preset.card.parameters
    assert upsampler.restores == (preset.name in RESTORING)


def test_it_widens_speech(widening):
    upsampler = load_upsampler(widening.name)
    config = widening.config
    high = Bundled().recordings("test")[0].read(config.output_rate)
    high = high[: len(high) // upsampler.ratio * upsampler.ratio]
    random = np.random.default_rng(0)
    low = Decimate()(high, config.output_rate, config.input_rate, random).astype(np.float32)
    made = upsampler.upsample(low[np.newaxis])[0].numpy()
    spline = np.asarray(Spline()(low[np.newaxis], upsampler.ratio))[0]
    where = config.output_rate, widening.bandwidth_hz
    lsd, low_snr = Lsd(), LowBandSnr()
    assert lsd(high, made, *where) < 0.5 * lsd(high, spline, *where)
    assert low_snr(high, made, *where) > low_snr(high, spline, *where) - 1


def test_it_restores_noisy_speech_and_leaves_good_speech(restoring):
    rate = restoring.config.input_rate
    speech = Bundled().recordings("test")[2].read(rate)
    noise = np.random.default_rng(0).normal(0, np.std(speech) / 2, len(speech))
    noisy = np.float32(speech + noise)
    made, same = (tfsr.restore(x, rate, restoring.name)[0] for x in (noisy, speech))
    assert snr_db(speech, made) > snr_db(speech, noisy) + 3
    assert snr_db(speech, same) > 15


def test_it_invents_nothing_in_silence(restoring):
    """Noise at -70 dB of full scale stays below -65 dB in any 10 ms."""
    rate = restoring.config.input_rate
    quiet = np.random.default_rng(0).normal(0, 10 ** (-70 / 20), 4 * rate).astype(np.float32)
    made = tfsr.restore(quiet, rate, restoring.name)[0].reshape(-1, rate // 100)
    assert 10 * np.log10(np.max(np.mean(made**2, axis=1))) < -65


def snr_db(original, made) -> float:
    return 10 * np.log10(np.sum(original**2) / np.sum((made - original) ** 2))


def test_tensorflow_lite_makes_the_same(preset):
    recording = Bundled().recordings("test")[0].read(preset.config.input_rate)
    low = np.float32(recording[np.newaxis, :20_000])
    made = WholeRecordings(preset.folder / MODEL_TFLITE)(low)
    np.testing.assert_allclose(made, load_upsampler(preset.name).upsample(low), atol=1e-4)


def test_other_weights_are_refused(monkeypatch, tmp_path):
    name, weights = NAMES[0], tmp_path / NAMES[0] / WEIGHTS
    shutil.copytree(presets.folder() / name, tmp_path / name)
    monkeypatch.setattr(presets, "folder", lambda: tmp_path)
    with open(weights, "r+b") as file:
        file.seek(weights.stat().st_size // 2)
        file.write(b"\x01\x02\x03")
    with pytest.raises(UserError, match=rf"{WEIGHTS}: is not as it was made \(SHA-256\)"):
        load_upsampler(name)
    weights.unlink()
    with pytest.raises(UserError, match=f"{WEIGHTS}: is missing"):
        load_upsampler(name)


def test_an_unknown_name_is_told_with_those_that_there_are():
    with pytest.raises(UserError, match=f"no preset 'speach': choose one of {NAMES[0]}, "):
        presets.get("speach")


def test_a_card_tells_all(preset):
    text = card(preset)
    known = preset.card
    assert preset.config.weights.sha256 in text and f"{known.parameters:,}" in text
    assert all(source.licence in text for source in known.training_data)
    for protocol, systems in known.scores.items():
        assert f"| {protocol} | " in text
        numbers = [score for score in systems["estimate"].values() if isinstance(score, float)]
        assert numbers and all(f" {number:.3f} " in text for number in numbers)
    assert text.count("| **this** |") == len(known.scores)


def test_many_streams_at_once_are_as_one(preset):
    """Both files of a preset hold the same network."""
    if preset.config.latency_ms is None:
        assert not (preset.folder / STREAMS_TFLITE).exists()
        return
    one, many = LiteStreams(preset.folder / STREAM_TFLITE), load_streams(preset.name, many=True)
    hops = np.random.default_rng(0).normal(0, 0.1, [5, 2, one.hop]).astype(np.float32)
    states = one.initial_state(2), many.initial_state(2)
    for hop in hops:
        (first, *kept), (second, *others) = one.step(hop, states[0]), many.step(hop, states[1])
        np.testing.assert_allclose(second, first, rtol=0, atol=1e-5)
        states = *kept, *others


DOCS = presets.folder().parents[1] / "docs"
RESULTS = (DOCS / "results.md").read_text()


def test_the_documentation_is_what_the_command_prints(succeed):
    known = [presets.get(name) for name in NAMES]
    assert succeed("-m", "tfsr.list", "--markdown") == (DOCS / "presets.md").read_text()
    assert board(known) in RESULTS


def test_the_board_has_the_scores_and_costs_of_presets_that_widen(widening):
    rows = [line.split(" | ") for line in board([widening]).splitlines()]
    row = dict(zip(rows[0], rows[2], strict=True))
    known = widening.card
    assert row["SNR"] == f"{known.scores['apbwe']['estimate']['SNR']:.3f}"
    assert row["PESQ"] == f"{known.scores['perceived']['estimate']['PESQ']:.3f}"
    assert row["parameters |"] == f"{known.parameters:,} |"
    assert [line[1] for line in rows[2:]] == [
        *(f"**{widening.name}**", "nothing", "spline", "original")
    ]


def test_scores_of_the_bundled_recordings_are_those_of_the_documentation(widening):
    means = tfsr.evaluate(widening.name, protocol="apbwe", files=2).means["estimate"]
    (row,) = re.findall(rf"^\| {widening.name} \| (.*) \| (.*) \|$", RESULTS, re.MULTILINE)
    # Processors round sums otherwise.
    assert [*map(float, row)] == pytest.approx([means["LSD"], means["SNR"]], abs=0.01)


def test_the_list_has_a_line_for_each(succeed):
    lines = succeed("-m", "tfsr.list").splitlines()
    assert lines == table([presets.get(name) for name in NAMES]).splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert succeed("-m", "tfsr.list", NAMES[0]).startswith(f"## {NAMES[0]}\n")
