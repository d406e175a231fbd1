import hashlib
import shutil

import numpy as np
import pytest

import tfsr
from tfsr import presets
from tfsr.data.bundled import Bundled
from tfsr.degradation.decimation import Decimate
from tfsr.errors import UserError
from tfsr.evaluation.metrics import LowBandSnr, Lsd
from tfsr.presets.card import card, table
from tfsr.signal.interpolation import Spline

NAMES = presets.names()
LARGEST = 8_000_000


@pytest.fixture(params=NAMES)
def preset(request) -> presets.Preset:
    return presets.get(request.param)


def test_what_comes_with_the_package():
    assert {"telephony-8k-16k", "speech-16k-x2", "speech-16k-x4", "speech-48k-x3"} <= set(NAMES)
    files = {path.name for path in presets.folder().glob("*.h5")}
    assert files == {presets.get(name).file for name in NAMES}


def test_the_file_is_the_manifest_s(preset):
    data = (presets.folder() / preset.file).read_bytes()
    assert len(data) == preset.size <= LARGEST
    assert hashlib.sha256(data).hexdigest() == preset.sha256


def test_it_widens_speech(preset):
    upsampler = tfsr.load(preset.name)
    assert (upsampler.input_rate, upsampler.output_rate) == (preset.input_rate, preset.output_rate)
    assert upsampler.latency_ms == preset.latency_ms
    assert upsampler.count_params() == preset.parameters
    high = Bundled().recordings("test")[0].read(preset.output_rate)
    high = high[: len(high) // upsampler.ratio * upsampler.ratio]
    random = np.random.default_rng(0)
    low = Decimate()(high, preset.output_rate, preset.input_rate, random).astype(np.float32)
    made = upsampler.upsample(low[np.newaxis])[0].numpy()
    spline = np.asarray(Spline()(low[np.newaxis], upsampler.ratio))[0]
    where = preset.output_rate, preset.bandwidth_hz
    lsd, low_snr = Lsd(), LowBandSnr()
    assert lsd(high, made, *where) < 0.5 * lsd(high, spline, *where)
    assert low_snr(high, made, *where) > low_snr(high, spline, *where) - 1


def test_another_file_is_refused(monkeypatch, tmp_path):
    preset = presets.get(NAMES[0])
    shutil.copy(presets.folder() / preset.file, tmp_path)
    with open(tmp_path / preset.file, "r+b") as file:
        file.seek(preset.size // 2)
        file.write(b"\x01")
    monkeypatch.setattr(presets, "folder", lambda: tmp_path)
    for _ in "changed", "missing":
        with pytest.raises(UserError, match=rf"{preset.file}: is not as it was made \(SHA-256\)"):
            presets.load(preset.name)
        (tmp_path / preset.file).unlink(missing_ok=True)


def test_an_unknown_name_is_told_with_those_that_there_are():
    with pytest.raises(UserError, match=f"no preset 'speach': choose one of {NAMES[0]}, "):
        tfsr.load("speach")


def test_a_card_tells_all(preset):
    text = card(preset)
    assert preset.sha256 in text and f"{preset.parameters:,}" in text
    assert all(source["licence"] in text for source in preset.training_data)
    for protocol, systems in preset.scores.items():
        assert f"| {protocol} | " in text
        assert f"{systems['estimate']['LSD']:.3f}" in text
    assert text.count("| **this** |") == len(preset.scores)


def test_the_cards_in_the_documentation_are_these():
    root = presets.folder().parents[1]
    text = (root / "docs" / "presets.md").read_text()
    for name in NAMES:
        assert card(presets.get(name)) in text


def test_the_list_has_a_line_for_each(succeed):
    lines = succeed("-m", "tfsr.list").splitlines()
    assert lines == table([presets.get(name) for name in NAMES]).splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert succeed("-m", "tfsr.list", NAMES[0]).startswith(f"## {NAMES[0]}\n")
