"""The light installation: what there is of tfsr where TensorFlow is not installed.

In an environment that has it, the packages of the extra `train` are hidden.
"""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

HIDDEN = (
    *("tensorflow", "tf_keras", "tensorflow_probability", "tensorflow_serving", "gin"),
    *("librosa", "matplotlib", "pyroomacoustics"),
)
PROGRAM = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({HIDDEN}))
verb, *arguments = sys.argv[1:]
sys.argv = ["tfsr", *arguments]
runpy.run_module(f"tfsr.{{verb}}", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def tfsr():
    """A function that runs `tfsr VERB ARGUMENTS` without these packages."""

    def tfsr(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", PROGRAM, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return tfsr


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("train", ["--gin", "configs/quickstart.gin"]),
        ("evaluate", ["--run_dir", "runs/any"]),
        ("export", ["--preset", "speech-16k-x2", "--format", "tflite", "--output", "any"]),
        ("summarize", ["--gin", "configs/quickstart.gin"]),
    ],
)
def test_what_installs_what_is_missing_is_said_in_one_line(tfsr, verb, arguments):
    done = tfsr(verb, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tfsr: ") and " needs " in done.stderr
    assert done.stderr.endswith(": pip install 'tfsr[train]'\n") and done.stderr.count("\n") == 1


def test_presets_are_listed(tfsr):
    done = tfsr("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "speech-16k-x2" in done.stdout


def test_a_call_is_upsampled(tfsr, tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, 4000)
    soundfile.write(tmp_path / "call.wav", sound, 8000)
    done = tfsr("upsample", str(tmp_path / "call.wav"))
    assert (done.returncode, done.stderr) == (0, "")
    assert soundfile.info(tmp_path / "call.tfsr.wav").frames == 8000


def test_a_call_is_upsampled_as_it_comes(tfsr):
    command = [sys.executable, "-c", PROGRAM, "live"]
    sound = np.random.default_rng(0).normal(0, 3000, 4000).astype("<i2").tobytes()
    done = subprocess.run(command, input=sound, capture_output=True, check=False)
    assert (done.returncode, len(done.stdout)) == (0, 2 * len(sound)), done.stderr


def test_mistakes_are_told_as_ever(tfsr):
    done = tfsr("train", "--gni", "x")
    assert done.returncode == 2 and "gni" in done.stderr and "install" not in done.stderr
