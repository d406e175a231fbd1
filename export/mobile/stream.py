"""Widen a call as an app would: frame by frame, with what a frame leaves for the next.

    python stream.py telephony.tflite call.wav wide.wav

Needs NumPy and TensorFlow Lite, from the package ai-edge-litert or tensorflow; not tfsr. The call
is a WAV file of 16 bits, mono, at the rate that the model wants. What an app does is `Stream`.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import resource
import stat
import struct
import sys
import time
from typing import NoReturn

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if importlib.util.find_spec("ai_edge_litert"):
    from ai_edge_litert.interpreter import Interpreter
else:
    import tensorflow

    Interpreter = tensorflow.lite.Interpreter

WARM_UP = 100
"""The first frames, whose time does not count."""

PCM, EXTENSIBLE = 1, 0xFFFE
"""Tags of WAV; the coding of the second is told farther on."""

WHOLE = "wants whole recordings; take stream.tflite, or export a causal run with --streaming"


class Stream:
    """One call.

    Args:
        model: the .tflite file that `tfsr.export --streaming` wrote.
        threads: of TensorFlow Lite.

    Attributes:
        properties: what the model tells of itself: input_rate, output_rate, hop, latency_ms, ...
        late: samples at the output rate by which what comes out is later than what went in.
    """

    def __init__(self, model: str, threads: int = 1):
        self.properties = read_properties(model)
        latency = self.properties["latency_ms"] * self.properties["output_rate"] / 1000
        self.late = round(latency) - self.properties["hop"] * self.properties["ratio"]
        self._interpreter = Interpreter(model, num_threads=threads)
        if "step" not in self._interpreter.get_signature_list():
            fail(f"{model}: {WHOLE}")
        self._step = self._interpreter.get_signature_runner("step")
        if -1 in self._step.get_input_details()["audio"]["shape_signature"]:
            fail(f"{model}: is for many streams; take stream.tflite")
        initial_state = self._interpreter.get_signature_runner("initial_state")
        self._state = initial_state(stream=np.zeros(1, np.int32))

    def push(self, frame: np.ndarray) -> np.ndarray:
        """float32 [hop] of the call to [ratio * hop] of the wider one."""
        made = self._step(audio=frame[np.newaxis], **self._state)
        audio = made.pop("audio")[0]
        self._state = made  # all else, by the same names
        return audio


def fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        fail(f"{path}: cannot be read ({error.strerror})")


def read_properties(model: str) -> dict:
    """Exit unless the file is for streams, and as it was exported."""
    content = read(model)
    found = re.search(rb'\{"tfsr": .*?"sha256": "([0-9a-f]{64})"\}', content)
    if content[4:8] != b"TFL3" or found is None:
        fail(f"{model}: no TensorFlow Lite file of tfsr's, or damaged; copy or export it again")
    if hashlib.sha256(content.replace(found[1], b"0" * 64)).hexdigest().encode() != found[1]:
        fail(f"{model}: is not as it was exported (SHA-256); copy it again")
    properties = json.loads(found[0])
    if properties["latency_ms"] is None:
        fail(f"{model}: {WHOLE}")
    return properties


def read_call(path: str, rate: int) -> np.ndarray:
    """float32 [time]; exits unless it is 16 bits, mono and at `rate` Hz.

    The module `wave` takes a size of 0 for an empty file. Pipes leave it, for they know no size.
    """
    content = read(path)
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        fail(f"{path}: is no WAV file; convert it")
    kind, at = None, 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"fmt ":
            kind = kind_of(content[at : at + size])
        elif name == b"data":
            if kind is None:
                fail(f"{path}: is no PCM; convert it to 16 bits, mono, at {rate} Hz")
            if kind != (rate, 1, 16):
                fail(f"{path}: is {kind} in Hz, channels and bits, not {(rate, 1, 16)}; convert it")
            data = content[at : at + size] if size else content[at:]
            whole = data[: len(data) // 2 * 2]  # what broke off may end within a sample
            return np.frombuffer(whole, "<i2").astype(np.float32) / 32768
        at += size + size % 2
    fail(f"{path}: holds no samples; copy it again")


def kind_of(form: bytes) -> tuple[int, int, int] | None:
    """Hz, channels and bits of PCM; None of other codings."""
    if len(form) < 16:
        return None
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if tag == EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from("<H", form, 24)
    return (rate, channels, bits) if tag == PCM else None


def write_call(path: str, audio: np.ndarray, rate: int) -> None:
    """Under a hidden name until it is whole, so that an older file stays if the disk is full."""
    data = np.clip(np.round(audio * 32768), -32768, 32767).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, PCM, 1, rate, 2 * rate, 2, 16)
    sizes = struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE")
    part = os.path.join(os.path.dirname(path), f".{os.getpid()}.stream.part")
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            fail(f"{path}: is a folder, a device or a pipe; give a file name")
        with open(part, "xb") as file:
            try:
                file.write(sizes + form + struct.pack("<4sI", b"data", len(data)) + data)
                file.flush()
                os.replace(part, path)
            except BaseException:
                os.remove(part)
                raise
    except OSError as error:
        fail(f"{path}: cannot be written ({error.strerror})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("call")
    parser.add_argument("wide")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    low = read_call(arguments.call, read_properties(arguments.model)["input_rate"])
    packages = peak_megabytes()
    stream = Stream(arguments.model, arguments.threads)
    known = stream.properties
    # Silence after its end pushes out what is late, and fills the last frame.
    missing = -(-stream.late // known["ratio"])
    whole = -(-(len(low) + missing) // known["hop"]) * known["hop"]
    made, seconds = [], []
    for frame in np.split(np.pad(low, [0, whole - len(low)]), whole // known["hop"]):
        start = time.perf_counter()
        made.append(stream.push(frame))
        seconds.append(time.perf_counter() - start)
    high = np.concatenate(made)[stream.late :][: known["ratio"] * len(low)]
    write_call(arguments.wide, high, known["output_rate"])
    print(report(arguments.model, known, seconds, packages), file=sys.stderr)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(model: str, known: dict, seconds: list[float], packages: float) -> str:
    counted = 1000 * np.asarray(seconds[WARM_UP:] or seconds)
    frame = 1000 * known["hop"] / known["input_rate"]
    return (
        f"{os.path.getsize(model) / 1e6:.3f} MB, latency {known['latency_ms']:g} ms; "
        f"{len(counted)} frames of {frame:g} ms: p50 {np.percentile(counted, 50):.3f} ms, "
        f"p99 {np.percentile(counted, 99):.3f} ms, real-time factor {counted.mean() / frame:.4f}; "
        f"memory {peak_megabytes() - packages:.0f} MB more than the {packages:.0f} MB of packages"
    )


if __name__ == "__main__":
    main()
