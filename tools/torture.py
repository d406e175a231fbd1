"""What breaks, or does not: the figures of docs/reliability.md.

    python tools/torture.py kills --family flow --count 100
    python tools/torture.py folders --count 20
    python tools/torture.py files --count 10000
    python tools/torture.py hours --hours 10
    python tools/torture.py clients --clients 32 --seconds 600
    python tools/torture.py lengths --count 200

Each prints one row of a table, and ends with exit code 1 where something was lost. Random numbers
have a fixed seed, but the instants of kills depend on the machine's speed too.
"""

import argparse
import dataclasses
import filecmp
import importlib
import json
import multiprocessing
import os
import re
import runpy
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfsr import command

RATE = 16000

# Imported once, in the process that all trainings are forks of.
HEAVY = ["tensorflow", "tf_keras", "tensorflow_probability", "tfsr.gin_config"]

COMMON = [
    *("BATCH = 2", "experiment.Experiment.log_every = 1"),
    "experiment.Experiment.checkpoint_every = 1",
    *("pipeline.Patches.full_band = False", "pipeline.Patches.validation_patches = 2"),
]
FAMILIES = {
    "regression": ("configs/audiounet.gin", ["FILTERS = (4, 4)", "PATCH = 512"]),
    "gan": (
        "configs/audiounetgan.gin",
        [
            *("FILTERS = (4,)", "PATCH = 512", "CRITIC_FILTERS = 2"),
            *("critics.SrganCritic.blocks = 1", "adversarial.Adversarial.updates = 2"),
        ],
    ),
    "diffusion": (
        "configs/nuwave.gin",
        [
            *("CHANNELS = 4", "BLOCKS = 2", "PATCH = 768"),
            *("nuwave.NuWave.waves = 4", "nuwave.NuWave.embedding = 8"),
            "diffusion.Diffusion.schedule = @noise_schedule.geometric_schedule()",
            "noise_schedule.geometric_schedule.steps = 3",
        ],
    ),
    "flow": (
        "configs/wsrglow.gin",
        [
            *("FLOWS = 2", "LAYERS = 2", "CHANNELS = 4", "EMBEDDING = 2", "PATCH = 768"),
            "wsrglow.WSRGlow.phase_embedding = 2",
        ],
    ),
    "two-stage": (
        "configs/voicefixer.gin",
        [
            *("PATCH = 8820", "damage.Damage.before = ()", "damage.Damage.noise = None"),
            *("LEVELS = (4,)", "restoration.voicefixer_adam.warm_up = 0", "VOCODER = {}"),
            *("CONDITION = 4", "CHANNELS = (4, 4, 4, 4, 4)", "UNITS = (1, 1, 1, 1)"),
        ],
    ),
}


@dataclasses.dataclass
class Row:
    """A line of the table.

    Attributes:
        said: name of a column -> what was seen.
        lost: what should not have been, none if all is well.
    """

    said: dict[str, object]
    lost: list[str] = dataclasses.field(default_factory=list)

    def show(self) -> int:
        print(f"| {' | '.join(self.said)} |")
        print(f"| {' | '.join(str(value) for value in self.said.values())} |")
        for line in self.lost:
            print(f"lost: {line}", file=sys.stderr)
        return bool(self.lost)


def kills(folder: Path, given: argparse.Namespace) -> Row:
    """One training, killed many times and started again, beside one that nothing disturbs.

    Every second kill, the first among them, waits for a checkpoint that is being written.
    """
    config, settings = FAMILIES[given.family]
    write_voices(folder / "voices")
    steps = [f"STEPS = {given.steps}", f"experiment.Experiment.validate_every = {given.validate}"]
    flags = [f"--gin={config}", f"--data={folder / 'voices'}", "--noevaluate"]
    flags += [f"--gin_param={setting}" for setting in [*COMMON, *settings, *steps]]
    whole, killed = folder / "whole" / "run", folder / "killed" / "run"
    finish("tfsr.train", *flags, f"--run_dir={whole}")
    random = np.random.default_rng(given.seed)
    count = half_written = 0
    while count < given.count and not finished(killed, given.steps):
        process = start("tfsr.train", *flags, f"--run_dir={killed}")
        wait_for_a_step(process, killed)
        time.sleep(random.uniform(0, 0.3))
        if within := count % 2 == 0:
            wait_for_a_checkpoint_that_is_written(process, killed)
        process.kill()
        process.join()
        if within and not unfinished(killed):  # it was quicker: once more
            continue
        count += process.exitcode == -signal.SIGKILL
        half_written += bool(unfinished(killed))
    last = start("tfsr.train", *flags, f"--run_dir={killed}")
    last.join()
    lost = [] if last.exitcode == 0 else [f"the last start ended with {last.exitcode}"]
    lost += [f"{name} differs" for name in different(whole, killed)]
    said = {"family": given.family, "kills": count, "within a checkpoint": half_written}
    return Row(said | {"files": len(list(files_of(whole))), "that differ": len(lost)}, lost)


def folders(folder: Path, given: argparse.Namespace) -> Row:
    """`tfsr upsample` of a folder, killed and started again."""
    random = np.random.default_rng(given.seed)
    write_voices(folder / "voices", given.recordings)
    flags = [folder / "voices", "--preset=speech-16k-x2"]
    finish("tfsr.upsample", *flags, f"--out={folder / 'first'}")
    begun = time.monotonic()
    finish("tfsr.upsample", *flags, f"--out={folder / 'whole'}")
    seconds = time.monotonic() - begun
    whole = [Path(name) for name in files_of(folder / "whole")]
    lost, left = [], 0
    for number in range(given.count):
        out = folder / f"killed{number}"
        process = start("tfsr.upsample", *flags, f"--out={out}")
        time.sleep(random.uniform(0, seconds))
        process.kill()
        process.join()
        made = [name for name in whole if (out / name).exists()]
        left += len(whole) - len(made)
        damaged = [name for name in made if not same(folder / "whole" / name, out / name)]
        finish("tfsr.upsample", *flags, f"--out={out}", "--skip_existing")
        damaged += different(folder / "whole", out)
        lost += [f"kill {number}: {name} differs" for name in damaged]
    said = {"folders": given.count, "recordings": len(whole) * given.count}
    return Row(said | {"not made at the kill": left, "that differ": len(lost)}, lost)


def files(folder: Path, given: argparse.Namespace) -> Row:
    """Damaged recordings: each is upsampled, or refused in one line, in a second and a gigabyte."""
    random = np.random.default_rng(given.seed)
    sources = write_formats(folder / "whole", random)
    (folder / "in").mkdir()
    for number in range(given.count):
        source = sources[number % len(sources)]
        data = mutated(source.read_bytes(), random)
        (folder / "in" / f"{number:05d}{source.name}").write_bytes(data)
    process = fork(upsample_each, folder / "in")
    process.join()
    now = (folder / "in.now").read_text()
    assert process.exitcode == 0, f"{now} ended the process with {process.exitcode}"
    results = json.loads((folder / "in.json").read_text())
    megabytes = results.pop("megabytes")
    lost = [
        f"{name}: {said}" for name, (code, said) in results.items() if not told(name, code, said)
    ]
    upsampled = sum(code == 0 for code, _ in results.values())
    written = {path.name.removesuffix(".wav") for path in (folder / "in.out").iterdir()}
    lost += written ^ {name for name, (code, _) in results.items() if code == 0}
    said = {"formats": len(sources), "files": len(results), "upsampled": upsampled}
    return Row(said | {"refused": len(results) - upsampled, "peak MB": megabytes}, lost)


def hours(folder: Path, given: argparse.Namespace) -> Row:
    """One long recording, and the memory that it takes by the hour."""
    import soundfile

    minute = np.random.default_rng(given.seed).normal(0, 0.05, [60 * 8000, 2])
    with soundfile.SoundFile(folder / "long.wav", "w", 8000, 2, "PCM_16") as file:
        for _ in range(round(60 * given.hours)):
            file.write(minute)
    out = folder / "wide.wav"
    process = start("tfsr.upsample", folder / "long.wav", f"--out={out}")
    begun, megabytes = time.monotonic(), {}
    while process.exitcode is None:
        size = sum(path.stat().st_size for path in folder.glob(".wide.wav*"))
        hour = size // (2 * 2 * 16000 * 3600)
        megabytes[hour] = max(megabytes.get(hour, 0), peak_megabytes(process.pid))
        time.sleep(0.5)
    seconds = time.monotonic() - begun
    samples = soundfile.info(out).frames if process.exitcode == 0 else 0
    lost = [] if samples == round(given.hours * 60) * 60 * 16000 else [f"{samples} samples"]
    by_hour = ", ".join(f"{value}" for _, value in sorted(megabytes.items()))
    said = {
        "hours": given.hours,
        "channels": 2,
        "real-time factor": f"{seconds / 3600 / given.hours:.4f}",
    }
    return Row(said | {"peak MB by the hour": by_hour}, lost)


def clients(folder: Path, given: argparse.Namespace) -> Row:
    """Many threads that share one model; each answer is compared with one that was alone."""
    import tfsr

    model = tfsr.load("speech-16k-x2")
    random = np.random.default_rng(given.seed)
    questions = [random.normal(0, 0.1, int(random.uniform(800, 24000))) for _ in range(64)]
    answers = [model.upsample(question) for question in questions]
    end, asked, lost, before = time.monotonic() + given.seconds, [], [], peak_megabytes(os.getpid())

    def ask(seed: int) -> None:
        mine = np.random.default_rng(seed)
        while time.monotonic() < end:
            number = int(mine.integers(len(questions)))
            asked.append(len(questions[number]) / 8000)
            if not np.array_equal(model.upsample(questions[number]), answers[number]):
                lost.append(f"client {seed}: another answer to question {number}")

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(given.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = {"clients": given.clients, "seconds": given.seconds, "requests": len(asked)}
    said |= {"audio, seconds": round(sum(asked)), "MB before": before}
    return Row(said | {"peak MB": peak_megabytes(os.getpid()), "other answers": len(lost)}, lost)


def lengths(folder: Path, given: argparse.Namespace) -> Row:
    """A SavedModel's memory under recordings of lengths that never repeat, and under few."""
    finish(
        "tfsr.export",
        "--format=saved_model",
        "--preset=speech-16k-x2",
        f"--output={folder / 'model'}",
    )
    said = {"recordings": given.count}
    for name, exact, one_dnn in LENGTHS:
        process = fork(serve_lengths, folder, given.count, exact, one_dnn)
        process.join()
        said[name] = (folder / "megabytes").read_text()
    return Row(said)


LENGTHS = [
    ("any length, MB", True, "1"),
    ("the client's lengths, MB", False, "1"),
    ("any length, oneDNN off, MB", True, "0"),
]


def serve_lengths(folder: Path, count: int, exact: bool, one_dnn: str) -> None:
    """Writes the megabytes that a process has at its end."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = one_dnn
    import tensorflow as tf

    spec = importlib.util.spec_from_file_location("client", "export/serving/client.py")
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    model = tf.saved_model.load(str(folder / "model"))
    random = np.random.default_rng(0)
    for _ in range(count):
        samples = int(random.integers(8000, 80000))
        samples = samples if exact else client.sent_length(samples)
        model.signatures["serving_default"](audio=tf.zeros([1, samples]))
    (folder / "megabytes").write_text(str(peak_megabytes(os.getpid(), "VmRSS")))


def start(module: str, *arguments: object) -> multiprocessing.Process:
    """`python -m module arguments` in a process that has imported TensorFlow already."""
    return fork(run_module, module, [str(argument) for argument in arguments])


def finish(module: str, *arguments: object) -> None:
    process = start(module, *arguments)
    process.join()
    assert process.exitcode == 0, f"{module} {arguments} ended with {process.exitcode}"


def fork(function: Callable, *arguments: object) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def run_module(module: str, arguments: list[str]) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def wait_for_a_step(process: multiprocessing.Process, run_dir: Path) -> None:
    """Until the process has saved a checkpoint of its own, or has ended."""
    before = checkpoints(run_dir)
    while process.exitcode is None and checkpoints(run_dir) <= before:
        time.sleep(0.002)


def wait_for_a_checkpoint_that_is_written(process: multiprocessing.Process, run_dir: Path) -> None:
    while process.exitcode is None and not unfinished(run_dir):
        time.sleep(0.0005)


def checkpoints(run_dir: Path) -> set[str]:
    return {path.name for path in run_dir.glob("checkpoints/step-*.index")}


def finished(run_dir: Path, steps: int) -> bool:
    return f"step-{steps}.index" in checkpoints(run_dir)


def unfinished(run_dir: Path) -> list[Path]:
    """What is there only while a checkpoint is being written."""
    names = os.listdir(run_dir / "checkpoints") if (run_dir / "checkpoints").is_dir() else []
    return [run_dir / name for name in names if "_temp" in name or name.endswith(".part")]


def files_of(folder: Path) -> Iterator[str]:
    """Names of all files below it, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder))


def different(one: Path, other: Path) -> list[str]:
    """Files that are in one of two folders alone, or have other contents.

    The times of events are in their files' names and contents.
    """
    names, others = (
        {name for name in files_of(folder) if "tfevents" not in name} for folder in (one, other)
    )
    both = sorted(names & others)
    return [*sorted(names ^ others), *(name for name in both if not same(one / name, other / name))]


def same(one: Path, other: Path) -> bool:
    """Byte by byte, but for the times in TensorFlow's list of checkpoints."""
    if one.name == "checkpoint":
        one, other = (re.sub("timestamps?: .*", "", path.read_text()) for path in (one, other))
        return one == other
    return filecmp.cmp(one, other, shallow=False)


def write_voices(folder: Path, count: int = 12) -> None:
    """Recordings of a second: voiced sounds with some breath."""
    import soundfile

    folder.mkdir()
    random, time = np.random.default_rng(0), np.arange(RATE) / RATE
    for number in range(count):
        pitch = 100 + 5 * number
        tones = [np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 7000 // pitch)]
        sound = 0.1 * np.sum(tones, axis=0) + 0.01 * random.normal(size=RATE)
        soundfile.write(folder / f"voice{number:02d}.wav", sound, RATE)


FORMATS = {
    **{"pcm.wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "ulaw.wav": ("WAV", "ULAW")},
    **{"adpcm.wav": ("WAV", "IMA_ADPCM"), "x.wav": ("WAVEX", "PCM_24")},
    **{
        "big.rf64": ("RF64", "PCM_16"),
        "big.w64": ("W64", "PCM_16"),
        "pcm.aiff": ("AIFF", "PCM_16"),
    },
    **{"pcm.au": ("AU", "PCM_16"), "alac.caf": ("CAF", "ALAC_16"), "pcm.flac": ("FLAC", "PCM_16")},
    **{"low.ogg": ("OGG", "VORBIS"), "low.opus": ("OGG", "OPUS")},
    "low.mp3": ("MP3", "MPEG_LAYER_III"),
    "low.m4a": ("MP4", "AAC"),
    "low.webm": ("webm", "libopus"),
}
"""Name of a file -> its container and encoding, of libsndfile, of tfsr or of FFmpeg."""


def write_formats(folder: Path, random: np.random.Generator) -> list[Path]:
    """A short stereo recording in each."""
    import av
    import soundfile

    from tfsr import audio_file

    folder.mkdir()
    for name, (container, encoding) in FORMATS.items():
        sound = random.normal(0, 0.1, [1500, 2])
        if container == "MP4":
            audio_file.write(folder / name, sound, 8000)
        elif container == "webm":
            with av.open(str(folder / name), "w", format=container) as file:
                stream = file.add_stream(encoding, rate=48000, layout="stereo")
                samples = np.float32(sound).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="stereo")
                frame.sample_rate = 48000
                file.mux([*stream.encode(frame), *stream.encode(None)])
        else:
            soundfile.write(folder / name, sound, 8000, encoding, format=container)
    return [folder / name for name in FORMATS]


NUMBERS = [0, 1, 2, 255, 1025, 65_535, 2**24, 2**31, 2**31 - 1, 2**32 - 1, 2**32 - 9]


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """With one to four places changed, most of them in the header."""
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        place = int(random.integers(len(changed) if random.random() < 0.3 else 64))
        kind = random.integers(6)
        if kind < 2:
            changed[place] ^= 1 << random.integers(8)
        elif kind < 4:
            size = int(random.choice([2, 4]))
            number = int(random.choice(NUMBERS)) % 2 ** (8 * size)
            place = place // 2 * 2
            changed[place : place + size] = number.to_bytes(size, random.choice(["little", "big"]))
        elif kind == 4:
            changed = changed[: max(place, 1)] if random.random() < 0.5 else changed[:-place]
        else:
            changed[place:place] = changed[place : place + int(random.integers(1, 300))]
        changed = changed or bytearray(b"R")
        changed = changed + bytes(max(64 - len(changed), 0))
    return bytes(changed)


def told(name: str, code: int, said: str) -> bool:
    """Whether a file ended as it should, and in words that name it."""
    lines = said.splitlines()
    if code == 2:
        return len(lines) == 1 and lines[0].startswith("tfsr: ")
    well = code == 0 and 1 <= len(lines) <= 6 and " -> " in lines[-1]
    return well and all(name in line for line in lines)


def upsample_each(folder: Path) -> None:
    """`tfsr upsample` of each file, all in this process, which starts once.

    Interpolation takes the network's place, so that reading is most of the work. A crash ends the
    process, as do ten seconds of work on one file. FOLDER.json tells exit code and text of each,
    FOLDER.now the file that was the last one.
    """
    from tfsr.upsamplers.interpolation import Interpolation

    backend = Interpolation(8000, 16000)
    load = lambda *_, **__: types.SimpleNamespace(backend=backend)  # noqa: E731
    sys.modules["tfsr.loading"] = types.SimpleNamespace(load=load)
    upsample = importlib.import_module("tfsr.upsample")
    said = os.open(f"{folder}.said", os.O_RDWR | os.O_CREAT)
    for number in (1, 2):
        os.dup2(said, number)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    results = {}
    for source in sorted(folder.iterdir()):
        os.ftruncate(said, 0)
        os.lseek(said, 0, os.SEEK_SET)
        Path(f"{folder}.now").write_text(source.name)
        signal.setitimer(signal.ITIMER_PROF, 10)
        output = Path(f"{folder}.out") / f"{source.name}.wav"
        sys.argv = ["tfsr", str(source), "--run_dir=any", f"--out={output}"]
        try:
            command.run(upsample.main)
            code = 0
        except SystemExit as end:
            code = end.code
        sys.stdout.flush(), sys.stderr.flush()
        results[source.name] = code, os.pread(said, 10_000, 0).decode()
    signal.setitimer(signal.ITIMER_PROF, 0)
    results["megabytes"] = peak_megabytes(os.getpid())
    Path(f"{folder}.json").write_text(json.dumps(results))


def peak_megabytes(pid: int, field: str = "VmHWM") -> int:
    """A process's largest resident memory so far; 0 of one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    for function in (kills, folders, files, hours, clients, lengths):
        kind = kinds.add_parser(function.__name__, help=function.__doc__.splitlines()[0])
        kind.set_defaults(function=function)
        for name, default in OPTIONS[function].items():
            choices = sorted(FAMILIES) if name == "family" else None
            kind.add_argument(f"--{name}", type=type(default), default=default, choices=choices)
    given = parser.parse_args(arguments)
    command.prepare_tensorflow()
    if given.function is kills:
        multiprocessing.get_context("forkserver").set_forkserver_preload(HEAVY)
    with tempfile.TemporaryDirectory(prefix="torture") as folder:
        return given.function(Path(folder), given).show()


OPTIONS = {
    kills: {"family": "regression", "count": 100, "steps": 400, "validate": 25},
    folders: {"count": 20, "recordings": 60},
    files: {"count": 10_000},
    hours: {"hours": 10.0},
    clients: {"clients": 32, "seconds": 600.0},
    lengths: {"count": 200},
}

if __name__ == "__main__":
    sys.exit(main())
