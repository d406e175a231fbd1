"""Runs that were made to do harm: nothing of them runs, and one line says what they name."""

import shutil
from pathlib import Path

import gin
import numpy as np
import pytest

import tfsr
from tfsr import audio_file, gin_config, presets
from tfsr.errors import UserError
from tfsr.gin_names import Allowed

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.relative_to(ROOT) for path in (ROOT / "configs").glob("**/*.gin"))
REGISTER = "from __gin__ import dynamic_registration\n"
EXPERIMENT = REGISTER + "from tfsr.training import experiment\n"
HARM = (
    f"{EXPERIMENT}import subprocess\n"
    "experiment.Experiment.pretrained = {'x': @subprocess.getoutput()}\n"
    "subprocess.getoutput.cmd = 'touch marker'\n"
)
TOUCH = "open('marker', 'w').close()\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory: modules lie in it that leave a mark when they run."""
    (tmp_path / "run").mkdir()
    for name in "evil.py", "__gin__.py":
        (tmp_path / name).write_text(TOUCH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    gin.clear_config()
    assert not (tmp_path / "marker").exists()


def run(text: str) -> str:
    """A run directory with such a configuration."""
    Path("run", "operative_config.gin").write_text(text)
    return "run"


def refusal(*arguments, **more) -> str:
    with pytest.raises(UserError) as error:
        gin_config.load_run(*arguments, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (HARM, "imports subprocess"),
        (f"{REGISTER}import evil\n", "imports evil"),
        (f"{REGISTER}from tfsr.networks import audiounet, evil\n", "newline"),
        ("import evil\n", "imports evil"),
        ("import __gin__.x\n", "imports __gin__.x"),
        ("from __gin__ import evil\n", "imports __gin__.evil"),
        (f"{REGISTER}import tfsr\n", "imports tfsr,"),
        (f"{REGISTER}from tfsr.data import shards\n", "imports tfsr.data.shards"),
        (f"{REGISTER}from tfsr import atomic_files\n", "imports tfsr.atomic_files"),
        (f"{REGISTER}import tf_keras\n", "imports tf_keras,"),
        (f"{REGISTER}import tf_keras.optimizersx as o\n", "imports tf_keras.optimizersx"),
        (f"{REGISTER}from tfsr.networks.audiounet import np\n", "imports tfsr.networks.audiounet"),
        (f"{REGISTER}from tfsr.networks import evil\n", "No module named 'tfsr.networks.evil'"),
        (f"{REGISTER}from tfsr.data import pipeline\npipeline.Patches.seed = @pipeline.os.system()",
         "names pipeline.os.system,"),
        (f"{REGISTER}from tfsr.data import pipeline\nA = [{{'a': (@x/pipeline.np.save(),)}}]",
         "names pipeline.np.save,"),
        (f"{REGISTER}from tfsr.data import pipeline\npipeline.np.save:\n  file = 'marker'\n",
         "names pipeline.np.save,"),
        (f"{REGISTER}from tfsr.data import pipeline\npipeline.Patches.batches.x = 3",
         "names pipeline.Patches.batches,"),
        (f"{REGISTER}import tfsr.data.pipeline\ntfsr.load.what = 'x'", "names tfsr.load,"),
        (f"{REGISTER}import tf_keras.optimizers as o\nA = @o.deserialize()",
         "names o.deserialize,"),
        (f"{REGISTER}import tf_keras.optimizers\nA = @tf_keras.models.load_model()",
         "names tf_keras.models.load_model,"),
        (f"{EXPERIMENT}experiment.Experiment.pretrained = "
         "{'a': {'class_name': 'X', 'module': 'evil'}}", "has the key class_name"),
        (f"{EXPERIMENT}experiment.Experiment.pretrained = {{%A: 'evil'}}\nA = 'module'",
         "has the key"),
        ("A = @experiment.Experiment()", "names experiment.Experiment,"),
        ("A = @subprocess.getoutput()", "names subprocess.getoutput,"),
        ("include 'harm.gin'\n", "includes harm.gin,"),
        ("include 'run/operative_config.gin'\n", "includes run/operative_config.gin,"),
        ("include 'configs/spline.gin'\n", "includes configs/spline.gin,"),
    ],
)  # fmt: skip
def test_what_a_run_may_not_name(text, named):
    Path("configs").mkdir()
    for path in "harm.gin", "configs/spline.gin":
        Path(path).write_text(HARM)
    message = refusal(run(text))
    assert named in message and "run/operative_config.gin" in message


@pytest.mark.parametrize(
    ("binding", "named"),
    [
        ("experiment.Experiment.pretrained = {'x': @experiment.dataclasses.make_dataclass()}",
         "names experiment.dataclasses.make_dataclass,"),
        ("experiment.Experiment.keep = 3\nimport evil", "imports evil"),
        ("A = @experiment.dataclasses.make_dataclass()", "names experiment.dataclasses"),
    ],
)  # fmt: skip
def test_what_a_setting_of_a_run_may_not_name(binding, named):
    message = refusal(run(f"{EXPERIMENT}A = 3\nexperiment.Experiment.steps = %A\n"), [binding])
    assert named in message and "--gin_param" in message


def test_what_a_configuration_to_test_with_may_not_name():
    Path("harm.gin").write_text(HARM)
    assert "harm.gin: imports subprocess" in refusal(run(EXPERIMENT), gin_files=["harm.gin"])


def test_training_imports_what_is_allowed():
    Path("train.gin").write_text(f"{EXPERIMENT}import mine.networks\n")
    with pytest.raises(UserError, match="train.gin: imports mine.networks.*`allow_import` mine"):
        gin_config.experiment(["train.gin"], [])
    Path("mine").mkdir()
    Path("mine", "networks.py").write_text("def steps():\n  return -1\n")
    with Path("train.gin").open("a") as file:
        file.write("experiment.Experiment.steps = @mine.networks.steps()\n")
    more = ["experiment.Experiment.upsampler = None", "experiment.Experiment.data = None"]
    with pytest.raises(UserError, match="Experiment.upsampler wants @Upsampler, not None"):
        gin_config.experiment(["train.gin"], more, ["mine"])
    with pytest.raises(UserError, match="Experiment.upsampler wants @Upsampler, not None"):
        gin_config.load_run(run(Path("train.gin").read_text()), more, allow_import=["mine"])
    assert "imports mine.networks" in refusal("run", more, allow_import=["min"])


def test_all_configurations_compute_alone(monkeypatch):
    monkeypatch.chdir(ROOT)
    only_used = Allowed((), only_used=True)
    for config in CONFIGS:
        gin_config._parse([str(config)], [], only_used)
        only_used.check(gin.config_str(), "what gin prints")  # as runs keep it
    assert len(CONFIGS) > 70


def test_load():
    for bindings in [], ["A = 3"]:
        with pytest.raises(UserError, match="imports subprocess"):
            _ = tfsr.load(run(HARM), bindings).upsampler


UPSAMPLE = ["tfsr.upsample", "a.wav", "-o", "b.wav"]
COMMANDS = [
    *(UPSAMPLE, ["tfsr.evaluate"], ["tfsr.summarize"]),
    ["tfsr.export", "--format=tflite", "--output=out.tflite"],
]


def test_commands_refuse_it_in_one_line(start):
    run(HARM)
    audio_file.write("a.wav", np.zeros([8000, 1], np.float32), 8000)
    for program in [start("-m", *command, "--run_dir=run") for command in COMMANDS]:
        done = program.wait()
        (line,) = done.stderr.splitlines()
        assert done.returncode == 2
        assert line.startswith("tfsr: run/operative_config.gin: imports subprocess")
        assert line.endswith("--allow_import subprocess")


def test_commands_that_want_the_model_alone_open_it_as_data(succeed):
    run(HARM)
    audio_file.write("a.wav", np.zeros([8000, 1], np.float32), 8000)
    shutil.copytree(presets.folder() / "speech-16k-x2", "run/model")
    succeed("-m", *UPSAMPLE, "--run_dir=run")
    succeed("-m", "tfsr.summarize", "--run_dir=run")
