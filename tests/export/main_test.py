"""The command, in processes of its own, with an upsampler that needs no run directory."""

import functools

import pytest

from tfsr.export.artifact import Artifact

WITHOUT_RUN = """
import runpy, sys, types
def load_upsampler(what, bindings, for_training, allow_import):
    from tfsr.upsamplers.interpolation import Interpolation
    return Interpolation(8000, 16000)
sys.modules["tfsr.loading"] = types.SimpleNamespace(load_upsampler=load_upsampler)
runpy.run_module("tfsr.export", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def export(run):
    return functools.partial(run, "-c", WITHOUT_RUN)


@pytest.mark.parametrize(
    "kind, name, more",
    [("tflite", "voice.tflite", ["--quantize", "float16"]), ("saved_model", "voice/1", [])],
)
def test_says_what_it_wrote(export, tmp_path, kind, name, more):
    out = tmp_path / name
    flags = ["--run_dir", tmp_path, "--format", kind, "--data_licence", "CC0"]
    done = export(*flags, "--output", out, *more)
    assert (done.returncode, done.stderr) == (0, "")
    first, *others = done.stdout.splitlines()
    assert first.startswith(f"{out}: ") and first.endswith(" MB, 8000 to 16000 Hz")
    assert "serving_default takes {audio: float32 [batch, time]}" in others
    assert Artifact(out).properties["training_data"] == [{"corpus": "unknown", "licence": "CC0"}]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "--run_dir"),
        (["--run_dir", "any", "--model", "other"], "give one of --run_dir DIR, --preset NAME and"),
        (
            ["--model", "any", "--format", "tflite", "--output", "x", "--gin_param", "x = 1"],
            "--gin_param is for --run_dir",
        ),
        (["--run_dir", "any", "--output", "x"], "--format"),
        (["--run_dir", "any", "--format", "tflite"], "--output"),
        (
            ["--run_dir", "any", "--format", "saved_model", "--output", "x", "--quantize", "int8"],
            "tflite",
        ),
        (["--run_dir", "any", "--format", "saved_model", "--output", "x", "--streaming"], "tflite"),
        (["--run_dir", "any", "--format", "saved_model", "--output", "x", "--samples=9"], "tflite"),
        (["--run_dir", "any", "--format", "tflite", "--output", "x", "--samples=0"], "samples"),
        (
            [*("--run_dir", "any", "--format", "tflite", "--output", "x"), "--samples=9"]
            + ["--streaming"],
            "--samples is not for --streaming",
        ),
        (["--run_dir", "any", "--format", "tflite", "--output", "x", "--streaming"], "causal"),
        (["runs/any"], "runs/any"),
    ],
)
def test_mistakes_are_one_line(export, arguments, message):
    done = export(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr
