import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from tfsr import audio_file

ON_NOISE = """
import sys, types
import numpy as np
import importlib
from tfsr import command, gin_config
from tfsr.degradation.decimation import Decimate
from tfsr.signal.interpolation import Linear
from tfsr.upsamplers.interpolation import Interpolation

def recording(seed):
    noise = np.random.default_rng(seed).standard_normal(5000).astype(np.float32)
    return types.SimpleNamespace(name=f"{seed}.wav", speaker="", read=lambda rate: noise)

splits = {"test": [recording(0), recording(1)]}
data = types.SimpleNamespace(recordings=splits.get, degradation=Decimate())
gin_config.load_run = lambda run_dir, *settings: types.SimpleNamespace(
    upsampler=Interpolation(8000, 16000, Linear()), data=data
)
command.run(importlib.import_module("tfsr.evaluate").main)
"""


@pytest.fixture
def evaluate(run):
    return functools.partial(run, "-m", "tfsr.evaluate")


@pytest.fixture
def evaluate_on_noise(run):
    """The command on a run whose upsampler is linear interpolation, of recordings of noise."""
    return functools.partial(run, "-c", ON_NOISE)


def test_help_lists_the_families_of_protocols(evaluate):
    listed = " ".join(evaluate("--help").stdout.split())
    assert "nuwave2{,_8k,_12k,_16k,_24k}" in listed and "module:name" in listed


def test_scores_json_and_page(evaluate_on_noise, tmp_path):
    scores, page = tmp_path / "new" / "scores.json", tmp_path / "page"
    settings = f"--split=test --files=1 --protocol=king2021 --json={scores} --page={page}"
    done = evaluate_on_noise("--run_dir", str(tmp_path / "mine"), *settings.split())
    assert done.returncode == 0, done.stderr
    fields = json.loads(scores.read_text())
    assert (fields["system"], fields["protocol"]) == ("mine", "king2021")
    assert [file["name"] for file in fields["files"]] == ["0.wav"]
    assert fields["means"]["estimate"] == fields["means"]["linear"]
    assert fields["files_hash"] in done.stdout
    assert "protocol king2021: 8000 -> 16000 Hz" in done.stdout
    assert (page / "index.html").exists()
    assert not (tmp_path / "mine").exists()


def test_files_in_place_of_the_corpus(evaluate_on_noise, tmp_path):
    for folder, rate in (("low", 8000), ("high", 16000)):
        sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate)
        audio_file.write(tmp_path / folder / "a.wav", np.float32(sine)[:, np.newaxis], rate)
    folders = [f"--{folder}={tmp_path / folder}" for folder in ("low", "high")]
    scores, page = tmp_path / "scores.json", tmp_path / "page"
    done = evaluate_on_noise("--run_dir", "mine", *folders, f"--json={scores}", f"--page={page}")
    assert done.returncode == 0, done.stderr
    fields = json.loads(scores.read_text())
    assert [file["name"] for file in fields["files"]] == ["a.wav"]
    assert fields["means"]["estimate"]["SNR"] > 30
    assert "degradation files of low, compared with those of high" in done.stdout


def test_artifacts_table_json_and_picture(evaluate_on_noise, tmp_path):
    tones, page = tmp_path / "new" / "tones.json", tmp_path / "page"
    done = evaluate_on_noise(
        *("--run_dir", str(tmp_path / "mine"), "--artifacts", f"--json={tones}", f"--page={page}")
    )
    assert done.returncode == 0, done.stderr
    fields = json.loads(tones.read_text())
    assert (fields["system"], fields["rate"], fields["period"]) == ("mine", 16000, 2)
    assert [probe["tones"] for probe in fields["probes"]] == [0, 0]
    assert "constant: no line rises above the floor" in done.stdout
    assert (page / "lines.json").read_text() == tones.read_text()
    assert (page / "spectrum.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--artifacts", "--protocol=tfsr"], "leave out --protocol"),
        (["--artifacts", "--split", "test"], "leave out --split"),
        (["--artifacts", "--files", "3"], "leave out --files"),
        (["--low", "noisy"], "--low goes with --high"),
        (["--low", "noisy", "--high", "clean", "--split", "test"], "leave out --split"),
        (["--model", "speech-16k-x2"], "give --model or --run_dir, not both"),
        (["--protocol", "pesq"], "unknown protocol pesq: choose one of tfsr, telephony"),
        (["--json", "/dev/null/scores.json"], "/dev/null"),
        (["--split", "tests"], "split"),
        (["--files", "0"], "files"),
        (["positional"], "positional"),
    ],
)
def test_mistakes_are_told_in_one_line(evaluate, tmp_path, arguments, told):
    done = evaluate("--run_dir", str(tmp_path), *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.startswith("tfsr: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_without_run_dir(evaluate):
    done = evaluate()
    assert done.returncode == 2
    assert "--run_dir" in done.stderr


def test_folder_that_is_no_run(evaluate, tmp_path):
    done = evaluate("--run_dir", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_names_the_flags_without_tensorflow():
    command = [sys.executable, "-X", "importtime", "-m", "tfsr.evaluate", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert "tensorflow" not in done.stderr
    assert "numpy" not in done.stderr
    flags = ("--run_dir", "--protocol", "--json", "--split", "--files", "--low", "--high", "--page")
    for flag in (*flags, "--[no]artifacts"):
        assert flag in done.stdout


def test_a_preset_on_the_bundled_recordings(evaluate, tmp_path):
    scores = tmp_path / "scores.json"
    done = evaluate("--model", "telephony-8k-16k", "--files=1", f"--json={scores}")
    assert done.returncode == 0, done.stderr
    fields = json.loads(scores.read_text())
    assert (fields["system"], len(fields["files"])) == ("telephony-8k-16k", 1)
    assert fields["means"]["estimate"]["LSD"] < fields["means"]["linear"]["LSD"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give --model NAME, or --run_dir DIR"),
        (["--model=speech-16k-x2", "--artifacts"], "leave out --artifacts"),
        (["--model=speech-16k-x2", "--high=nowhere"], "nowhere: no such folder"),
    ],
)
def test_mistakes_with_a_model_are_told_in_one_line(evaluate, arguments, told):
    done = evaluate(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1
