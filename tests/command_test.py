"""Commands as a shell sees them: help, exit codes, one clear line."""

import functools
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tfsr import audio_file, command
from tfsr.networks.upper_bins import UpperBins
from tfsr.upsamplers.spectral import Spectral

# Programs that `nohup` or a shell's `&` has begun ignore these, and so do all that they begin.
AS_IN_A_TERMINAL = (
    "import signal\n"
    "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
)

VERBS = (
    *("upsample", "list", "compare", "listen"),
    *("train", "evaluate", "export", "convert", "prepare", "rooms", "summarize"),
)


@pytest.mark.parametrize("verb", VERBS)
def test_help_comes_without_tensorflow(verb):
    program = (
        "import runpy, sys\n"
        "sys.argv = ['tfsr', '--help']\n"
        "try:\n"
        f"    runpy.run_module('tfsr.{verb}', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "heavy = {'tensorflow', 'librosa', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"python -m tfsr.{verb}" in done.stdout
    assert "--" in done.stdout


def test_a_keras_model_runs_without_what_takes_long_to_import(tmp_path):
    """Keras 3, which tfsr does not use, takes half as long as TensorFlow, scipy.signal a third."""
    network = functools.partial(UpperBins, channels=4, blocks=1)
    upsampler = Spectral(network, 8000, 16_000, losses={})
    upsampler.initialize()
    upsampler.save(tmp_path / "model")
    sound = np.random.default_rng(0).normal(0, 0.1, [8000, 1]).astype(np.float32)
    audio_file.write(tmp_path / "a.wav", sound, 8000)
    program = (
        "import runpy, sys\n"
        "try:\n"
        "    runpy.run_module('tfsr.upsample', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "slow = {'keras', 'scipy.signal', 'scipy.stats', 'librosa', 'matplotlib'}\n"
        "assert 'tf_keras' in sys.modules\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    files = [str(tmp_path / "a.wav"), "-o", str(tmp_path / "b.wav")]
    command = [sys.executable, "-c", program, *files, "--model", str(tmp_path / "model")]
    without = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=without)
    assert done.returncode == 0, done.stderr


def test_help_without_docstrings_has_the_flags():
    command = [sys.executable, "-OO", "-m", "tfsr.listen", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--html" in done.stdout


def test_tfsr_verb_is_python_m_tfsr_verb(run):
    assert run("-m", "tfsr", "train", "--help").stdout == run("-m", "tfsr.train", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["tfsr", "trian"], "trian"),
        (["tfsr.train"], "--gin"),
        (["tfsr.train", "--gni", "x"], "gni"),
        (["tfsr.train", "configs/audiounet.gin"], "configs/audiounet.gin"),
        (["tfsr.train", "--gin", "nowhere.gin"], "nowhere.gin"),
        (["tfsr.train", "--gin", "configs/audiounet.gin", "--gin_param", "FILTRES=1"], "FILTRES"),
        (["tfsr.train", "--gin", "configs/audiounet.gin", "--data", "/nowhere"], "/nowhere"),
        (["tfsr.train", "--run_dir", "/nowhere"], "/nowhere"),
        (["tfsr.summarize"], "--gin"),
        (["tfsr.summarize", "--model=speech-16k-x2", "--run_dir=a"], "give one of"),
        (["tfsr.summarize", "--run_dir", "/nowhere"], "/nowhere"),
        (["tfsr.evaluate", "--run_dir", "/nowhere"], "/nowhere"),
        (
            ["tfsr.export", "--run_dir", "/nowhere", "--format", "tflite", "--output", "o"],
            "/nowhere",
        ),
        (["tfsr.export", "--run_dir", "/nowhere", "--format", "onnx", "--output", "o"], "onnx"),
        (["tfsr.upsample", "in.wav", "--run_dir", "/nowhere"], "in.wav"),
        (["tfsr.prepare"], "SOURCE"),
        (["tfsr.rooms"], "FOLDER"),
        (["tfsr.compare", "a.wav", "b.wav", "c.wav"], "--html"),
        (["tfsr.listen", "originals", "ours=out"], "--html"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(run, arguments, named, tmp_path):
    begins_a_run = "--gin" in arguments and arguments[0] == "tfsr.train"
    done = run("-m", *arguments, *(["--run_dir", str(tmp_path)] if begins_a_run else []))
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


HOSTILE = r"""
import logging, sys
from tfsr import command
name = "\x1b]0;owned\x07\x9b2J\u202e\rb\udce9.wav"
def main(_):
    print("page", name)
    print(f"bar {name}", file=sys.stderr)
    logging.getLogger("tfsr").warning("skipped: %s", "a\ntfsr: all is well" + name)
    for move in "\r 50%|", "\r   \r", "\x1b[A":
        sys.stderr.write(move)
command.run(main)
"""
HARMLESS = r"\x1b]0;owned\x07\x9b2J\u202e\rb\udce9.wav"


def test_no_name_commands_the_terminal(run):
    done = run("-c", HOSTILE)
    assert (done.returncode, done.stdout) == (0, f"page {HARMLESS}\n")
    bar, warning, *moves = done.stderr.split("\n")
    assert bar == f"bar {HARMLESS}"
    assert warning == rf"skipped: a\ntfsr: all is well{HARMLESS}"
    assert moves == ["", " 50%|", "   ", "\x1b[A"]  # carriage returns are read as breaks


def test_a_reader_that_has_seen_enough_is_no_mistake():
    command = [sys.executable, "-m", "tfsr.list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


def test_an_unwritable_run_directory_is_named(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    flags = ["--gin", "configs/quickstart.gin", "--run_dir", str(tmp_path / "file" / "run")]
    done = run("-m", "tfsr.train", *flags)
    assert done.returncode == 2
    assert str(tmp_path / "file" / "run") in done.stderr


def test_a_corpus_without_one_usable_file_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.wav").write_text("this is no audio")
    flags = ["--gin", "configs/quickstart.gin", "--data", str(tmp_path / "corpus")]
    done = run("-m", "tfsr.train", *flags, "--run_dir", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "no usable recording (1 unusable audio files)" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_summarize_gives_the_count_that_the_configuration_names(run):
    done = run("-m", "tfsr.summarize", "--gin", "configs/quickstart.gin")
    assert "436,065" in done.stdout
    assert "hop             64 input samples" in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_nothing_half_written(tmp_path, number, code):
    program = (
        "import time, numpy as np\n"
        "from tfsr import audio_file, command\n"
        "def main(_):\n"
        f"    with audio_file.Writer({str(tmp_path / 'a.flac')!r}, 8000, 1) as writer:\n"
        "        writer.write(np.zeros([8000, 1], np.float32))\n"
        "        print('writes', flush=True)\n"
        "        time.sleep(60)\n"
        "command.run(main)\n"
    )
    command = [sys.executable, "-c", f"{AS_IN_A_TERMINAL}{program}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writes\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(30) == code
    assert list(tmp_path.iterdir()) == []


def test_nohup_outlives_its_terminal():
    program = (
        "import os, signal\n"
        "from tfsr import command\n"
        "command.run(lambda _: os.kill(os.getpid(), signal.SIGHUP) or print('goes on'))\n"
    )
    command = ["nohup", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(closed):
    program = f"{sys.executable} -m tfsr list --markdown {closed}"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_nothing_is_done_yet_ends_at_once(number):
    """Whatever catches exceptions then; afterwards it is as before."""
    program = (
        "import os, signal\n"
        "from tfsr import command\n"
        "with command.ending_at_once():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), signal.{number})\n"
        "    except BaseException:\n"
        "        print('caught')\n"
    )
    command_line = [sys.executable, "-c", f"{AS_IN_A_TERMINAL}{program}"]
    done = subprocess.run(command_line, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-getattr(signal, number), b"")
    with pytest.raises(KeyboardInterrupt):
        after()


def after() -> None:
    """An interrupt after such a time."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with command.ending_at_once():
            pass
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, handler)
