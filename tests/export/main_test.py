"""The command, in processes of its own, with an upsampler that needs no run directory."""

import functools

import pytest

WITHOUT_RUN = """
import runpy, sys, types
def load_run(run_dir, bindings):
    from tfsr.upsamplers.interpolation import Interpolation
    return types.SimpleNamespace(upsampler=Interpolation(8000, 16000))
sys.modules["tfsr.gin_config"] = types.SimpleNamespace(load_run=load_run)
runpy.run_module("tfsr.export", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def export(run):
    return functools.partial(run, "-c", WITHOUT_RUN)


@pytest.mark.parametrize(
    "kind, name, more", [("tflite", "voice.tflite", ["--float16"]), ("saved_model", "voice/1", [])]
)
def test_says_what_it_wrote(export, tmp_path, kind, name, more):
    out = tmp_path / name
    done = export("--run_dir", "any", "--format", kind, "--output", out, *more)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{out}: ") and first.endswith(" MB, 8000 to 16000 Hz")
    assert second == (
        "serving_default: {audio: float32 [batch, time]} -> {audio: float32 [batch, 2 * time]}"
    )
    assert out.exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "--run_dir"),
        (["--run_dir", "any", "--output", "x"], "--format"),
        (["--run_dir", "any", "--format", "tflite"], "--output"),
        (["--run_dir", "any", "--format", "saved_model", "--output", "x", "--float16"], "tflite"),
        (["runs/any"], "runs/any"),
    ],
)
def test_mistakes_are_one_line(export, arguments, message):
    done = export(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr
