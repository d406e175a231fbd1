import base64
import dataclasses
import io
import json
import wave

import numpy as np
import pytest

from tfsr.errors import UserError
from tfsr.evaluation import listening_page
from tfsr.evaluation.listening_page import ListeningTest


@pytest.fixture(scope="module")
def test(write_tones, tmp_path_factory):
    """Two recordings; the file of a system may have another format and rate."""
    folder = tmp_path_factory.mktemp("listening")
    for word in ("apple", "pear"):
        write_tones(folder / "originals" / f"{word}.wav", {500: 0.2, 5000: 0.2})
        write_tones(folder / "ours" / f"{word}.flac", {500: 0.2, 5000: 0.1})
        write_tones(folder / "spline" / f"{word}.wav", {500: 0.1}, rate=8000)
    write_tones(folder / "ours" / "more.wav", {500: 0.2})
    systems = {name: folder / name for name in ("ours", "spline")}
    return ListeningTest(folder / "originals", systems)


def data_of(parsed) -> dict:
    """What the page's script is given, and its decoded key."""
    data = json.loads(next(word for word in parsed.words if word.startswith('{"kind"')))
    return data, json.loads(base64.b64decode(data["key"]))


def signal(url: str) -> np.ndarray:
    with wave.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as file:
        assert file.getframerate() == 16000
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767


def test_a_trial_has_every_system_the_reference_and_the_anchor(test, parse_page):
    data, key = data_of(parse_page(listening_page.page(test)))
    assert sorted(key[trial["id"]] for trial in data["trials"]) == ["apple", "pear"]
    for trial in data["trials"]:
        sounds = {key[each["id"]]: signal(each["sound"]) for each in trial["stimuli"]}
        assert set(sounds) == {"reference", "anchor 3500 Hz", "ours", "spline"}
        np.testing.assert_array_equal(sounds["reference"], signal(trial["reference"]))
        middle = slice(2000, -2000)
        time = np.arange(len(sounds["reference"])) / 16000
        low = 0.2 * np.sin(2 * np.pi * 500 * time)
        np.testing.assert_allclose(sounds["anchor 3500 Hz"][middle], low[middle], atol=0.003)
        np.testing.assert_allclose(sounds["spline"][middle], low[middle] / 2, atol=0.003)


def test_nothing_tells_a_system_but_the_encoded_key(test):
    text = listening_page.page(test)
    before, _, after = text.partition("<style>")
    data = after.partition('id="test">')[2].partition("</script>")[0]
    for name in ("ours", "spline", "anchor", "apple", "pear"):
        assert name not in before + data


def test_places_of_systems_are_drawn(test, parse_page):
    def places(seed):
        data, key = data_of(parse_page(listening_page.page(dataclasses.replace(test, seed=seed))))
        return [[key[each["id"]] for each in trial["stimuli"]] for trial in data["trials"]]

    drawn = [places(seed) for seed in range(4)]
    assert drawn[0] == places(0)
    assert len({str(order) for order in drawn}) > 2


def test_abx_pairs_each_system_with_the_reference(test, parse_page):
    data, key = data_of(parse_page(listening_page.page(dataclasses.replace(test, kind="abx"))))
    pairs = [{key[each["id"]] for each in trial["stimuli"]} for trial in data["trials"]]
    assert sorted(map(sorted, pairs)) == [["ours", "reference"]] * 2 + [["reference", "spline"]] * 2
    assert not any("reference" in trial for trial in data["trials"])


def test_ab_pairs_the_systems(test, parse_page):
    test = dataclasses.replace(test, kind="ab", no_preference=True)
    data, key = data_of(parse_page(listening_page.page(test)))
    assert data["noPreference"] is True
    for trial in data["trials"]:
        assert {key[each["id"]] for each in trial["stimuli"]} == {"ours", "spline"}
        assert "reference" in trial


def test_levels_are_left_or_brought_to_the_reference(test):
    def levels(level):
        _, rate, sounds = next(dataclasses.replace(test, level=level).recordings())
        assert rate == 16000
        return {name: np.sqrt(np.mean(sound**2)) for name, sound in sounds.items()}

    assert levels("none")["spline"] == pytest.approx(0.1 / np.sqrt(2), rel=0.01)
    assert levels("rms")["spline"] == pytest.approx(levels("none")["reference"], rel=1e-6)


def test_levelled_sounds_are_not_clipped_but_all_softer():
    loud = {"reference": np.array([0.9, -0.9, 0.9, -0.9]), "peaky": np.array([0.1, 0, 0, 0])}
    levelled = listening_page._levelled(loud | {"silent": np.zeros(4)})
    assert np.max(np.abs(levelled["peaky"])) == pytest.approx(1)
    assert np.max(np.abs(levelled["reference"])) == pytest.approx(0.5)
    assert not levelled["silent"].any()


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_anchor_is_as_the_standard_wants_it(rate):
    """BS.1534: +-0.1 dB up to 3.5 kHz, at least 25 dB down at 4 kHz and 50 dB at 4.5 kHz."""
    impulse = np.zeros(rate)
    impulse[rate // 2] = 1
    (response,) = listening_page._anchors("", impulse, rate, (3500.0,)).values()
    levels = 20 * np.log10(np.abs(np.fft.rfft(response)) + 1e-12)  # one bin a hertz
    assert np.max(np.abs(levels[:3501])) < 0.101
    assert levels[4000] < -25
    assert levels[4500] < -50


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"systems": {}}, "needs a system"),
        ({"systems": {"reference": "x"}}, "system 'reference': choose another name"),
        ({"systems": {"a|b": "x"}}, "choose another name"),
        ({"kind": "ab", "systems": {"ours": "x"}}, "two or more"),
        ({"no_preference": True}, "--no_preference is for ab only"),
        ({"anchors": (9000.0,)}, "nothing above an anchor of 9000 Hz at 16000 Hz"),
    ],
)
def test_mistakes(test, changes, told):
    with pytest.raises(UserError, match=told):
        listening_page.page(dataclasses.replace(test, **changes))


def test_a_system_that_lacks_a_file_is_named(test, write_tones, tmp_path):
    write_tones(tmp_path / "apple.wav", {500: 0.2})
    test = dataclasses.replace(test, systems=test.systems | {"new": tmp_path})
    with pytest.raises(
        UserError, match=f"{tmp_path}: has no pear, which is in the reference folder"
    ):
        listening_page.page(test)
