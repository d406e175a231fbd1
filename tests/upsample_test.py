"""The command, in processes of its own, with an upsampler that needs no run directory."""

import functools
import json
import os
import re
import signal
import time

import numpy as np
import pytest
import soundfile

from tfsr import audio_file
from tfsr.signal.resample import resample

WITHOUT_RUN = """
import os, sys, types
if "STDIN" in os.environ:
    sys.stdin = open(os.environ["STDIN"])
    os.dup2(os.open(os.environ["STDOUT"], os.O_WRONLY | os.O_CREAT), 1)
if "LARGEST" in os.environ:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LARGEST"]),) * 2)
if "UNREADABLE" in os.environ:
    def denied(folder, listdir=os.listdir):
        if os.fspath(folder) == os.environ["UNREADABLE"]:
            raise PermissionError(13, "Permission denied")
        return listdir(folder)
    os.listdir = denied
def interpolation(*rates):
    from tfsr.upsamplers.interpolation import Interpolation
    return Interpolation(*rates)
def load(what, bindings, threads, allow_import):
    return types.SimpleNamespace(backend=interpolation(*RATES.get(what, (8000, 16000))))
RATES = {"speech-x2": (8000, 16000), "speech-x3": (16000, 48000), "telephony": (8000, 16000)}
def get(name):
    known = {"output_rate": RATES[name][1], "bandwidth_hz": RATES[name][0] / 2}
    suited_to = "telephone" if name == "telephony" else ""
    return types.SimpleNamespace(name=name, suited_to=suited_to, **known)
sys.modules["tfsr.loading"] = types.SimpleNamespace(load=load)
import importlib
from tfsr import presets
presets.names, presets.get = lambda: list(RATES), get
from tfsr import command
command.run(importlib.import_module("tfsr.upsample").main)
"""


@pytest.fixture
def upsample(run):
    return functools.partial(run, "-c", WITHOUT_RUN)


@pytest.fixture
def tapes(tmp_path):
    for name, rate in ("a.wav", 8000), ("b/c.flac", 44_100):
        sound = np.random.default_rng(0).uniform(-0.5, 0.5, [5000, 2])
        audio_file.write(tmp_path / "tapes" / name, sound.astype(np.float32), rate)
    return tmp_path / "tapes"


def test_a_folder_with_one_bad_file(upsample, tapes):
    (tapes / "b" / "bad.wav").write_text("no sound at all")
    out = tapes.parent / "out"
    done = upsample(tapes, "-o", out, "--run_dir", "any", "--chunk", "0.1")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        f"{tapes}/a.wav 8000 Hz -> {out}/a.wav 16000 Hz (any)",
        f"{tapes}/b/c.flac: resampled from 44100 to 8000 Hz first",
        f"{tapes}/b/c.flac 44100 Hz -> {out}/b/c.flac 16000 Hz (any)",
    ]
    first, last = done.stderr.splitlines()
    assert first.startswith(f"tfsr: {tapes}/b/bad.wav: ")
    assert last == "tfsr: 1 of 3 files could not be upsampled"
    assert [str(path.relative_to(out)) for path in audio_file.find(out)] == ["a.wav", "b/c.flac"]
    assert audio_file.info(out / "a.wav").samples == 10_000


def call(path, rate: int, **tags: str):
    """A second of noise up to 4 kHz, in two channels of 24 bits."""
    low = np.random.default_rng(1).normal(0, 0.1, [8000, 2])
    with soundfile.SoundFile(path, "w", rate, 2, "PCM_24") as file:
        for name, text in tags.items():
            setattr(file, name, text)
        file.write(resample(low, 8000, rate))
    return path


def test_a_call_needs_no_more_than_its_name(upsample, tmp_path):
    source = call(tmp_path / "call.flac", 48_000, title="A call", artist="Somebody")
    manifest = tmp_path / "new" / "done.json"
    done = upsample(source, "--manifest", manifest)
    assert (done.returncode, done.stderr) == (0, "")
    target = tmp_path / "call.tfsr.flac"
    assert done.stdout.splitlines() == [
        f"{source}: nothing above 4.0 kHz, taken for a telephone recording, "
        "resampled from 48000 to 8000 Hz first",
        f"{source} 48000 Hz -> {target} 16000 Hz (telephony)",
    ]
    header = audio_file.info(target)
    assert (header.rate, header.channels, header.subtype) == (16_000, 2, "PCM_24")
    assert audio_file.tags(target) == {"title": "A call", "artist": "Somebody"}
    (record,) = json.loads(manifest.read_text())["files"]
    assert record.pop("bandwidth_hz") == pytest.approx(4000, rel=0.05)
    assert record == {
        **{"source": str(source), "target": str(target), "channels": 2, "seconds": 1.0},
        **{"source_rate": 48_000, "input_rate": 8000, "output_rate": 16_000, "seed": 0},
        **{"system": "telephony", "speech": True, "assumed": None, "bands": None},
        **{"noise_db": None, "clipped": None, "reverberation_s": None},
        **{"error": None, "skipped": False, "container": "FLAC"},
        **{"faults": [], "missing_seconds": 0, "lowered_db": 0, "clipped_samples": 0, "over_db": 0},
    }


def test_what_does_not_look_like_speech_is_told(upsample, tmp_path):
    source, target = tmp_path / "rain.wav", tmp_path / "rain.tfsr.wav"
    rain = np.random.default_rng(0).normal(0, 0.1, [24_000, 1])
    audio_file.write(source, rain.astype(np.float32), 8000)
    told = "does not look like speech (music, noise?), and is processed all the same"
    dry = upsample(source, "--dry_run")
    assert dry.stdout.splitlines() == [
        f"{source}: {told}",
        f"{source} 8000 Hz, 1 channels, 3.0 s, with telephony -> {target}",
    ]
    done = upsample(source)
    assert done.stdout.splitlines() == [
        f"{source}: {told}",
        f"{source} 8000 Hz -> {target} 16000 Hz (telephony)",
    ]
    assert target.exists()


def test_what_is_asked_for(upsample, tmp_path):
    source = call(tmp_path / "call.wav", 44_100)
    how = ["--preset", "speech-x2", "--rate", "keep", "--format", "wav", "--subtype", "FLOAT"]
    done = upsample(source, "-o", tmp_path / "out", *how, "--nokeep_low_band", "--seed", "3")
    assert done.stdout.splitlines()[1].endswith("out/call.wav 44100 Hz (speech-x2)"), done.stderr
    header = audio_file.info(tmp_path / "out" / "call.wav")
    assert (header.rate, header.samples, header.subtype) == (44_100, 44_100, "FLOAT")


def test_several_at_once_again_and_only_in_words(upsample, tapes):
    out, manifest = tapes.parent / "out", tapes.parent / "out.json"
    how = [tapes, "-o", out, "--run_dir", "any", "--skip_existing", "--jobs", "2"]
    planned = upsample(*how, "--dry_run", "--manifest", manifest)
    assert planned.returncode == 0 and not out.exists() and not manifest.exists()
    assert planned.stdout.splitlines() == [
        f"{tapes}/a.wav 8000 Hz, 2 channels, 0.6 s, with any -> {out}/a.wav",
        f"{tapes}/b/c.flac 44100 Hz, 2 channels, 0.1 s, with any -> {out}/b/c.flac",
    ]
    first = upsample(*how, "--norecursive", "--manifest", manifest)
    assert first.stdout == f"{tapes}/a.wav 8000 Hz -> {out}/a.wav 16000 Hz (any)\n", first.stderr
    second = upsample(*how, "--manifest", manifest)
    assert upsample(*how, "--dry_run").stdout == ""
    assert second.stdout.splitlines()[0] == f"{tapes}/a.wav: {out}/a.wav is there already"
    records = json.loads(manifest.read_text())["files"]
    assert [(record["skipped"], record["output_rate"]) for record in records] == [
        (True, 16_000),
        (False, 16_000),
    ]
    assert (out / "b" / "c.flac").exists()


def test_a_long_file_is_the_same_with_two_workers_and_in_batches(upsample, tmp_path):
    source = call(tmp_path / "call.wav", 8000)
    made = {}
    for name, how in ("one", []), ("two", ["--jobs", "2"]), ("batch", ["--batch", "3"]):
        target = tmp_path / f"{name}.wav"
        done = upsample(source, "-o", target, "--run_dir", "any", "--chunk", "0.1", *how)
        assert done.returncode == 0, done.stderr
        made[name] = target.read_bytes()
    assert made["one"] == made["two"] == made["batch"]


def test_through_pipes(upsample, tmp_path):
    source = call(tmp_path / "call.wav", 8000)
    done = upsample("-", STDIN=str(source), STDOUT=str(tmp_path / "piped.wav"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "standard input 8000 Hz -> standard output 16000 Hz (telephony)\n"
    upsample(source, "-o", tmp_path / "named.wav")
    assert (tmp_path / "piped.wav").read_bytes() == (tmp_path / "named.wav").read_bytes()


def test_what_comes_through_a_pipe_is_called_so(upsample, tmp_path):
    (tmp_path / "text").write_text("no sound at all")
    pipe = {"STDIN": str(tmp_path / "text"), "STDOUT": str(tmp_path / "piped.wav")}
    for how in [], ["--dry_run"]:
        done = upsample("-", "--manifest", tmp_path / "done.json", *how, **pipe)
        assert done.returncode == 2
        assert done.stderr.startswith("tfsr: standard input: "), done.stderr
    (record,) = json.loads((tmp_path / "done.json").read_text())["files"]
    assert (record["source"], record["target"]) == ("standard input", "standard output")
    assert record["error"].startswith("standard input: ")


def test_a_full_device_behind_the_pipe(upsample, tmp_path):
    source = call(tmp_path / "call.wav", 8000)
    done = upsample("-", STDIN=str(source), STDOUT="/dev/full")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("tfsr: standard output: cannot be written")


def test_what_a_killed_command_leaves_goes_with_the_next(start, tmp_path):
    audio_file.write(tmp_path / "in.wav", np.zeros([3_000_000, 2], np.float32), 8000)
    made = tmp_path / "made"
    how = [tmp_path / "in.wav", "-o", made / "out.wav", "--run_dir", "any", "--chunk", "0.1"]
    program = start("-c", WITHOUT_RUN, *how, "--manifest", made / "done.json")
    while not list(made.glob(".out.wav.*")):
        assert not program.over, "it is too fast to be killed"
        time.sleep(0.01)
    program.kill()
    assert all(path.name.startswith(".") for path in made.iterdir())
    assert audio_file.find(made) == []
    audio_file.write(made / "out.wav", np.zeros([100, 1], np.float32), 8000)
    assert [path.name for path in made.iterdir()] == ["out.wav"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_whole_files_and_a_manifest_of_them(start, tmp_path, jobs):
    for number, samples in enumerate([10_000, *[5_000_000] * 3]):  # seconds of work each
        sound = np.full([samples, 1], 0.1, np.float32)
        audio_file.write(tmp_path / "in" / f"{number}.wav", sound, 8000)
    out, manifest = tmp_path / "out", tmp_path / "done.json"
    how = ["-o", out, "--run_dir", "any", "--chunk", "0.1", f"--jobs={jobs}"]
    program = start("-c", WITHOUT_RUN, tmp_path / "in", *how, "--manifest", manifest)
    while not list(out.glob("*.wav")):
        assert not program.over, "it was over too early for this test to mean anything"
        time.sleep(0.01)
    os.kill(program.pid, signal.SIGINT)
    assert program.wait().returncode == 130
    made = [record["target"] for record in json.loads(manifest.read_text())["files"]]
    assert made == [str(out / "0.wav")] == [str(path) for path in out.iterdir()]


def test_a_folder_that_cannot_be_read_is_told_and_counted(upsample, tapes):
    closed, out = tapes / "b", tapes.parent / "out"
    done = upsample(tapes, "-o", out, "--run_dir", "any", UNREADABLE=str(closed))
    assert done.returncode == 2 and audio_file.find(out) == [out / "a.wav"]
    first, *_, last = done.stderr.splitlines()
    assert first == f"tfsr: {closed}: cannot be read (Permission denied)"
    assert last.endswith("1 folder could not be read")


def test_one_file_to_one_name(upsample, tapes):
    out = tapes.parent / "new.flac"
    done = upsample("--run_dir=any", tapes / "a.wav", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert audio_file.info(out).samples == 10_000


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "give audio files"),
        (["a.wav", "--preset", "x", "--run_dir", "any"], "give one of"),
        (["a.wav", "--gin_param", "A=1"], "--run_dir DIR"),
        (["gone.wav", "-o", "-", "--format", "doc"], "--format doc"),
        ([__file__, "--manifest", __file__, "--run_dir", "any"], "is a recording"),
        (["-", "-o", "b.wav", "--manifest", "pyproject.toml"], "toml: is there and is no manifest"),
        (
            ["-", "-o", "b.wav", "--manifest", "setup.cfg", "--dry_run"],
            "setup.cfg: is there and is",
        ),
        (["-", "-o", "x/b.wav", "--manifest", "x"], "--manifest x: is a folder; give a file name"),
        (["-", "b.wav"], "standard output takes one file"),
        (["gone.wav", "-o", "out", "--run_dir", "any"], "gone.wav: no such file or folder"),
        (["a.wav", "-o", "out", "--run_dir", "any", "--chunk", "-1"], "chunk"),
        (["a.wav", "-o", "out", "--run_dir", "any", "--chnk", "1"], "chnk"),
        (["a.wav", "--raw", "8000,what"], "--raw 8000,what"),
        ([__file__, "-o", "out.wma"], "there is no encoder for .wma"),
    ],
)
def test_mistakes_are_one_line(upsample, arguments, message):
    done = upsample(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr


@pytest.mark.parametrize("name", ["b.wav", "b.flac"])
def test_a_full_disk(upsample, tapes, name):
    made = tapes.parent / "made"
    how = ["--run_dir", "any", "--rate", "48000", "--manifest", made / "done.json"]
    done = upsample(tapes / "a.wav", "-o", made / name, *how, LARGEST="30000")
    assert done.returncode == 2
    assert done.stderr.startswith(f"tfsr: {made}/{name}: cannot be written")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in made.iterdir()] == ["done.json"]
    assert "cannot be written" in json.loads((made / "done.json").read_text())["files"][0]["error"]


@pytest.mark.parametrize("folder", ["a.wav", "/proc"])
def test_a_folder_that_cannot_be_written(upsample, tapes, folder):
    how = ["--run_dir", "any", "--manifest", tapes / folder / "done.json"]
    done = upsample(tapes / "b" / "c.flac", "-o", tapes.parent / "c.wav", *how)
    assert done.returncode == 2 and "done.json: cannot be written" in done.stderr
    done = upsample(tapes / "b" / "c.flac", "-o", tapes / folder / "c.wav", *how[:2])
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"{tapes / folder}/c.wav: cannot be written" in done.stderr


def test_a_damaged_recording_gives_what_is_there(upsample, tmp_path):
    source = call(tmp_path / "call.wav", 8000)
    source.write_bytes(source.read_bytes()[:-12_000])
    out, manifest = tmp_path / "out.wav", tmp_path / "done.json"
    done = upsample(source, "-o", out, "--manifest", manifest)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"{source}: ends 0.250 s too early"
    assert audio_file.info(out).samples == 12_000
    (record,) = json.loads(manifest.read_text())["files"]
    assert (record["faults"], record["missing_seconds"]) == (["ends 0.250 s too early"], 0.25)
    done = upsample(source, "-o", tmp_path / "strict.wav", "--strict")
    assert done.returncode == 2 and "ends 0.250 s too early; without --strict" in done.stderr
    assert not (tmp_path / "strict.wav").exists()


def test_what_is_too_loud_is_told_or_made_softer(upsample, tmp_path):
    loud = 1.2 * np.sin(np.arange(8000) / 3)
    soundfile.write(tmp_path / "loud.wav", loud, 8000, "FLOAT")
    how = [tmp_path / "loud.wav", "--run_dir", "any", "--subtype", "PCM_16"]
    done = upsample(*how, "-o", tmp_path / "cut.wav")
    line = done.stdout.splitlines()[0]
    told = re.search(r"samples up to (\S+) dB over full scale .*--clip rescale", line)
    assert told and float(told[1]) == pytest.approx(20 * np.log10(1.2), abs=0.1), done.stdout
    made = soundfile.read(tmp_path / "cut.wav")[0]
    full = np.sum(np.abs(made) >= 1 - 2.0**-15)
    assert full > 1000 and int(line.split()[1]) == pytest.approx(full, rel=0.01)
    done = upsample(*how, "-o", tmp_path / "soft.wav", "--clip", "rescale")
    assert "softer, so that nothing is clipped" in done.stdout
    soft = soundfile.read(tmp_path / "soft.wav")[0]
    assert np.max(np.abs(soft)) == pytest.approx(1, abs=1e-4)
    middle = slice(4000, 12_000)
    shape = np.sin(np.arange(16_000) / 6)[middle]
    assert np.corrcoef(soft[middle], shape)[0, 1] > 0.9999


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8"])
def test_silence_stays_silent(upsample, tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000, subtype)
    assert upsample(tmp_path / "a.wav").returncode == 0
    made, _ = soundfile.read(tmp_path / "a.tfsr.wav", dtype="int16")
    assert len(made) == 16_000 and not made.any()


def test_one_odd_name_does_not_end_the_folder(upsample, tmp_path):
    (tmp_path / "in").mkdir()
    names = [b"caf\xe9.wav", b"new\nline.wav", b"x" * 251 + b".wav", b"plain.wav"]
    for name in names:
        call(tmp_path / "call.wav", 8000).rename(tmp_path / "in" / os.fsdecode(name))
    (tmp_path / "in" / "notes.txt").write_text("")
    done = upsample(tmp_path / "in", "-o", tmp_path / "out", "--manifest", tmp_path / "m.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 5 and "caf\\udce9.wav" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("in/notes.txt has no audio file's extension")
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == sorted(names)
    content = json.loads((tmp_path / "m.json").read_text())
    assert len(content["files"]) == 4
    assert content["left"][0]["reason"] == "has no audio file's extension"


def test_headerless_telephony(upsample, tmp_path):
    low = np.random.default_rng(1).normal(0, 0.1, 8000)
    soundfile.write(tmp_path / "call.ulaw", low, 8000, format="RAW", subtype="ULAW")
    done = upsample(tmp_path / "call.ulaw", "-o", tmp_path / "a.wav")
    assert done.stdout.startswith(f"{tmp_path}/call.ulaw: has no header, taken for 8000,ulaw,1;")
    done = upsample(tmp_path / "call.ulaw", "-o", tmp_path / "b.wav", "--raw", "8000,ulaw,2")
    assert done.returncode == 0 and "taken for" not in done.stdout
    assert audio_file.info(tmp_path / "a.wav").samples == 16_000
    assert audio_file.info(tmp_path / "b.wav").channels == 2
    done = upsample(tmp_path / "call.ulaw", "--dry_run")
    assert "8000 Hz, 1 channels, 1.0 s" in done.stdout.splitlines()[1]


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3", "a.opus"])
def test_what_is_asked_for_by_name(upsample, tmp_path, name):
    source = call(tmp_path / "call.wav", 8000, title="A call")
    assert upsample(source, "-o", tmp_path / name).returncode == 0
    header = audio_file.info(tmp_path / name)
    assert (header.samples, header.channels) == (16_000, 2)
    assert audio_file.tags(tmp_path / name)["title"] == "A call"


COUNTED = """
import collections
from tfsr.audio_file import audio_file as module
counts = collections.Counter()
class Counted(module.AudioFile):
    def __init__(self, *arguments):
        counts["opened"] += 1
        super().__init__(*arguments)
    def blocks(self, *arguments):
        counts["decoded"] += 1
        return super().blocks(*arguments)
import atexit, tfsr.inference.file_jobs
tfsr.inference.file_jobs.AudioFile = Counted
atexit.register(lambda: print(dict(counts)))
"""


def test_opened_once_and_decoded_twice(run, tmp_path):
    source = call(tmp_path / "call.wav", 8000)
    done = run("-c", COUNTED + WITHOUT_RUN, source)
    assert "{'opened': 1, 'decoded': 2}" in done.stdout, (done.stdout, done.stderr)
