import argparse
import json

import pytest

from tfsr import presets
from tfsr.model_card import SUITED_TO
from tfsr.upsamplers.interpolation import Interpolation


@pytest.fixture(scope="module")
def make_preset(tool_named):
    for name in ("timing", "exported_measures", "measures", "benchmark"):
        tool_named(name)  # it imports them by these names
    return tool_named("make_preset")


TOLD = {
    **{"run_dir": "runs/calls", "description": "Calls", "configuration": "calls.gin"},
    **{"scores": "scores.json", "test_set": "three calls"},
}


@pytest.fixture
def arguments(make_preset, monkeypatch):
    """A function that gives what the tool reads of a command line."""

    def arguments(**flags: str) -> argparse.Namespace:
        words = [word for name, value in flags.items() for word in (f"--{name}", value)]
        monkeypatch.setattr("sys.argv", ["make_preset.py", "calls", *words])
        return make_preset._arguments()

    return arguments


def test_what_a_preset_is_for_stands_on_its_card(make_preset, arguments, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"protocol": "tfsr", "means": {}}))
    told = TOLD | {"scores": str(tmp_path / "scores.json")}
    upsampler = Interpolation(8000, 16000)
    upsampler.initialize()
    for kind in SUITED_TO:
        card = make_preset.card(upsampler, arguments(**told, suited_to=kind))
        assert (card.suited_to, card.description) == (kind, "Calls")
    assert arguments(**TOLD).suited_to == ""


def test_scores_may_say_what_they_are_of(make_preset, tmp_path, monkeypatch):
    (tmp_path / "scores.json").write_text(
        json.dumps({"protocol": "restoration", "means": {"a": 1}})
    )
    monkeypatch.chdir(tmp_path)
    assert make_preset._means("scores.json") == ("restoration", {"a": 1})
    assert make_preset._means("noise=scores.json") == ("restoration, noise", {"a": 1})


def test_what_nothing_is_suited_to_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        arguments(**TOLD, suited_to="music")
    assert "--suited_to: invalid choice: 'music'" in capsys.readouterr().err


def test_a_preset_that_is_made_anew_stays_what_it_was_for(make_preset):
    for name in presets.names():
        assert make_preset._refreshed(name).card == presets.get(name).card
