import contextlib
import fnmatch
import functools
import gc
import importlib.util
import multiprocessing
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from tfsr import command

command.prepare_tensorflow()  # before a test module imports it

# The same examples on every run, and no deadline: a first call traces a TensorFlow graph.
settings.register_profile("tfsr", deadline=None, derandomize=True, max_examples=15)
settings.load_profile("tfsr")

# Seconds after which a program hangs: many times what the slowest takes beside other work.
HANGS = 900

# Seconds for what takes a fraction of one in a browser that has a processor to itself.
PATIENCE = 120

RATE = 16000
ROOT = Path(__file__).parents[1]

# Systems to show what all share: one that is not trained, one of one step, one that draws noise.
REPRESENTATIVE = {"spline.gin", "audiounet.gin", "nuwave.gin"}

# Experiments that take few steps and little memory.
SHORT = [
    *("BATCH = 2", "experiment.Experiment.log_every = 1"),
    *("experiment.Experiment.checkpoint_every = 1", "experiment.Experiment.validate_every = 4"),
    "pipeline.Patches.full_band = False",  # the recordings are at 16 kHz, targets at up to 48
]

# All that takes long to import and does nothing by itself.
HEAVY = ["tensorflow", "tf_keras", "tensorflow_probability", "scipy.signal", "matplotlib.figure"]

# What `python -m` and `python -c` do, in a process that was forked.
IN_A_FORK = """
import atexit, gc, os, runpy, sys
gc.freeze()
os.chdir(folder)
os.environ.update(environment)
for number, path in (1, out), (2, err):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
kind, what, *rest = arguments
sys.argv = [what if kind == "-m" else kind, *rest]
try:
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})
finally:
    atexit._run_exitfuncs()
"""


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What modules are made of stays to the end, so nobody need look for garbage in it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def systems() -> list:
    """Every configuration at the top level; all but REPRESENTATIVE take long."""
    names = sorted(path.name for path in (ROOT / "configs").glob("*.gin"))
    assert set(names) > REPRESENTATIVE
    marks = {name: () if name in REPRESENTATIVE else pytest.mark.long for name in names}
    return [pytest.param(f"configs/{name}", marks=marks[name]) for name in names]


@pytest.fixture(params=systems())
def system(request) -> str:
    return request.param


class Ended(NamedTuple):
    """A program's exit code, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Program:
    """A Python program at work."""

    def __init__(self, process: multiprocessing.Process, out: Path, err: Path):
        self._process, self._out, self._err = process, out, err
        self.pid = process.pid

    @property
    def over(self) -> bool:
        return self._process.exitcode is not None

    def kill(self) -> None:
        """By SIGKILL."""
        self._process.kill()
        self._process.join()

    def wait(self) -> Ended:
        self._process.join(HANGS)
        if not self.over:
            self.kill()
            raise AssertionError(f"the program hangs: {self._err.read_text()}")
        return Ended(self._process.exitcode, self._out.read_text(), self._err.read_text())


@pytest.fixture(scope="session")
def start(tmp_path_factory) -> Callable[..., Program]:
    """Starts `python ARGUMENTS`, "-m" or "-c", with more variables in its environment.

    In a process of its own, but as a fork of one that has imported the heavy packages already,
    which takes much longer than what most tests of commands want to see.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)

    def start(*arguments, **environment: str) -> Program:
        out, err = (tmp_path_factory.mktemp("program") / name for name in ("out", "err"))
        given = {
            **{"arguments": [str(argument) for argument in arguments], "folder": os.getcwd()},
            **{"out": str(out), "err": str(err), "environment": environment},
        }
        process = context.Process(target=exec, args=(IN_A_FORK, given))
        process.start()
        return Program(process, out, err)

    return start


@pytest.fixture(scope="session")
def open_browser():
    """Opens Chromium without window: (its folder of downloads, more flags) to a driver.

    The driver's `timeouts.script` is how long to wait. Without chromedriver its tests are skipped.
    """
    path = shutil.which("chromedriver")
    if not path:
        pytest.skip("no chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver

    drivers = []

    def open_browser(downloads: Path, *flags: str) -> webdriver.Chrome:
        options = webdriver.ChromeOptions()
        for flag in (
            *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
            *("--autoplay-policy=no-user-gesture-required", *flags),
        ):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        drivers.append(webdriver.Chrome(options=options, service=webdriver.ChromeService(path)))
        drivers[-1].set_script_timeout(PATIENCE)
        return drivers[-1]

    yield open_browser
    for driver in drivers:
        driver.quit()


@pytest.fixture(scope="session")
def hangs() -> int:
    """Seconds after which a program hangs, on any machine."""
    return HANGS


@pytest.fixture(scope="session")
def run(start) -> Callable[..., Ended]:
    """Runs `python ARGUMENTS` to its end, as `start` starts it."""
    return lambda *arguments, **environment: start(*arguments, **environment).wait()


@pytest.fixture(scope="session")
def succeed(run) -> Callable[..., str]:
    """Runs `python ARGUMENTS`, which must not fail, and gives what it prints."""

    def succeed(*arguments) -> str:
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return succeed


@pytest.fixture(scope="session")
def recorded_tensors() -> Callable[..., dict[str, np.ndarray]]:
    """The arrays of a fixture whose names begin so, without that."""

    def tensors(name: str, prefix: str) -> dict[str, np.ndarray]:
        recorded = np.load(ROOT / "tests" / "fixtures" / f"{name}.npz")
        names = [name for name in recorded if name.startswith(prefix)]
        return {name.removeprefix(prefix): recorded[name] for name in names}

    return tensors


@pytest.fixture(scope="session")
def recorded_nuwave(recorded_tensors) -> Callable:
    """Makes a small NU-Wave with the recorded weights."""
    from tfsr.convert.nuwave import converted

    tensors = recorded_tensors("nuwave_small", "w/")
    return lambda: converted(tensors, (24000, 48000), dilation_cycle=3).upsampler.network


@pytest.fixture(scope="session")
def recorded_weights() -> Callable[[str, str], dict[str, np.ndarray]]:
    """A function of a fixture and a group in it: name -> tensor, as the authors' files have them.

    They were recorded by these names, or with other words for weight normalisation, or all in one.
    """
    words = {"direction": "weight_v", "gain": "weight_g"}

    def as_in_a_file(name: str, tensor: np.ndarray) -> tuple[str, np.ndarray]:
        layer, _, part = name.rpartition(".")
        tensor = tensor.reshape(-1, 1, 1) if part == "gain" else tensor
        return f"{layer}.{words.get(part, part)}", tensor

    def unpacked(names: np.ndarray, shapes: np.ndarray, values: np.ndarray) -> dict:
        shapes = [shape[shape > 0] for shape in shapes]
        parts = np.split(values, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        triples = zip(names, parts, shapes, strict=True)
        return {str(name): part.reshape(shape) for name, part, shape in triples}

    def weights(fixture: str, group: str) -> dict[str, np.ndarray]:
        values = np.load(ROOT / "tests" / "fixtures" / f"{fixture}.npz")
        prefix = f"{group}/"
        inside = {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
        if "names" in inside:
            return unpacked(**inside)
        return dict(as_in_a_file(name, tensor) for name, tensor in inside.items())

    return weights


@pytest.fixture(scope="session")
def rounding() -> Callable[..., float]:
    """Between two orders of `count` float32 operations in a row, on values as large as these.

    Each rounds by half an epsilon at most; which order there is depends on the processor.
    """

    def rounding(count: float, *values: np.ndarray) -> float:
        return count * np.finfo(np.float32).eps * max(np.max(np.abs(each)) for each in values)

    return rounding


@pytest.fixture(scope="session")
def log_dets() -> Callable:
    """ln |det(dy / dx)| of each example, for y = function(x) of as many values as x.

    Row by row: Jacobians that TensorFlow vectorises (pfor) have rows of zeros where oneDNN makes
    them, and write into memory that is not theirs.
    """
    import tensorflow as tf

    def log_dets(function: Callable, x: tf.Tensor) -> np.ndarray:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = tf.reshape(function(x), [x.shape[0], -1])
        jacobians = tape.batch_jacobian(y, x, experimental_use_pfor=False)
        square = np.reshape(jacobians, [*y.shape, y.shape[1]])
        return np.linalg.slogdet(square.astype(np.float64)).logabsdet

    return log_dets


@pytest.fixture
def eagerly():
    """Without graphs, which take longer to make than a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def full_disk() -> Callable[[], contextlib.AbstractContextManager]:
    """Within it files are cut at 300 bytes; pytest's own output may be one, so not longer."""

    @contextlib.contextmanager
    def full_disk():
        kind = resource.RLIMIT_FSIZE
        limits, handler = resource.getrlimit(kind), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(kind, (300, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(kind, limits)
            signal.signal(signal.SIGXFSZ, handler)

    return full_disk


@pytest.fixture
def without_pictures(monkeypatch):
    """Trainings draw none, which takes longer than a few steps."""
    from tfsr.training import log

    picture = np.zeros([1, 1, 3], np.uint8)
    monkeypatch.setattr(log, "spectrogram_row", lambda sounds, rates: picture)


@pytest.fixture
def mixed_precision():
    import tf_keras as keras

    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(scope="session")
def on_both_runtimes() -> Callable:
    """From a TensorFlow Lite file to a function that runs a signature in tf.lite and LiteRT.

    Both must give the same, to `tolerance`: some hundred operations on values of up to 1 each round
    by 6e-8 at most, and their kernels add in other orders.
    """
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    def on_both(model: bytes, signature: str | None = None, tolerance: float = 1e-5) -> Callable:
        made = [kind(model_content=model) for kind in (tf.lite.Interpreter, Interpreter)]
        first, second = (interpreter.get_signature_runner(signature) for interpreter in made)

        def run(**inputs: np.ndarray) -> dict[str, np.ndarray]:
            outputs, others = first(**inputs), second(**inputs)
            assert outputs.keys() == others.keys()
            for name, value in outputs.items():
                np.testing.assert_allclose(others[name], value, rtol=tolerance, atol=tolerance)
            return outputs

        return run

    return on_both


@pytest.fixture(scope="session")
def as_tflite(on_both_runtimes) -> Callable:
    """From a function of tensors to the same of arrays, run by TensorFlow Lite's built-ins.

    float32 [batch, time] each, unless other shapes are given.
    """
    import tensorflow as tf

    from tfsr.export.tflite import convert
    from tfsr.upsamplers.base import Signature

    def converted(
        function: Callable, *shapes: list[int | None], tolerance: float = 1e-5
    ) -> Callable:
        inputs = {f"x{n}": tf.TensorSpec(s) for n, s in enumerate(shapes or [[None, None]])}
        signature = Signature(lambda **x: function(*(x[name] for name in inputs)), inputs)
        run = on_both_runtimes(convert({"serving_default": signature}), tolerance=tolerance)
        return lambda *x: run(**dict(zip(inputs, map(np.asarray, x), strict=True)))["audio"]

    return converted


@pytest.fixture(scope="session")
def streaming():
    """A small `Spectral` that runs on streams too."""
    import tf_keras as keras

    from tfsr.losses.waveform_distances import l1
    from tfsr.networks.upper_bins import UpperBins
    from tfsr.signal.frame_codec import FrameCodec
    from tfsr.signal.windowed_sinc import WindowedSinc
    from tfsr.upsamplers.spectral import Spectral

    keras.utils.set_random_seed(3)
    network = functools.partial(UpperBins, channels=4, blocks=1, kernel=3, causal=True)
    codec, interpolation = FrameCodec(64, 16, asymmetric=True), WindowedSinc(reach=8)
    upsampler = Spectral(network, 8000, 16000, {"l1": l1}, codec, interpolation=interpolation)
    upsampler.initialize()
    return upsampler


class Doubling:
    """Streams that give each sample twice, a hop late; so the whole is known exactly."""

    input_rate, output_rate, ratio, hop, latency_ms = 8000, 16000, 2, 80, 20.0

    def initial_state(self, batch: int = 1) -> dict[str, np.ndarray]:
        return {"last": np.zeros([batch, self.hop], np.float32)}

    def step(self, audio: np.ndarray, state: dict) -> tuple[np.ndarray, dict]:
        return np.repeat(state["last"], 2, axis=1), {"last": audio.copy()}


@pytest.fixture(scope="session")
def doubling() -> Doubling:
    return Doubling()


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """Ten seconds of three bundled speakers at 8 kHz, float32 [time]."""
    from tfsr.audio_file import AudioFile
    from tfsr.signal.resample import soxr_hq

    parts = []
    for path in sorted((ROOT / "tfsr" / "data" / "bundled").glob("p22*.flac"))[:5]:
        with AudioFile(path) as file:
            sound = np.concatenate(list(file.blocks()))[:, 0]
            parts.append(soxr_hq(sound, file.rate, 8000))
    return np.concatenate(parts)[:80_000]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder of twelve short recordings at 16 kHz: voiced sounds with some breath."""
    folder = tmp_path_factory.mktemp("recordings")
    random = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    for number in range(12):
        pitch = 100 + 15 * number
        tones = [np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 7000 // pitch)]
        sound = 0.1 * np.sum(tones, axis=0) + 0.01 * random.normal(size=RATE)
        soundfile.write(folder / f"word{number:02d}.wav", sound, RATE)
    return folder


@pytest.fixture(scope="session")
def tiny() -> dict[str, list[str]]:
    """The union of what the tests say makes their configurations small, by pattern of name."""
    found = {}
    folders = [ROOT / "tests" / "networks", ROOT / "tests" / "upsamplers"]
    for path in [path for folder in folders for path in folder.glob("*_test.py")]:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= getattr(module, "TINY", {})
    return found


@pytest.fixture
def build(tiny, recordings):
    """A function that builds a configuration in small, for so many steps."""
    import gin

    from tfsr import gin_config

    def build(config: str, steps: int):
        found = [tiny[pattern] for pattern in tiny if fnmatch.fnmatch(config, pattern)]
        assert len(found) == 1, f"{config}: one TINY in tests/networks or tests/upsamplers names it"
        (settings,) = found
        more = [f"DATA = {str(recordings)!r}", f"STEPS = {steps}"]
        built = gin_config.experiment([config], SHORT + settings + more)
        built.upsampler.initialize()
        return built

    yield build
    gin.clear_config()
