"""Run streams with an exported TensorFlow Lite file, without TensorFlow."""

import functools
import os

import numpy as np

from tfsr.backend import State, Streams
from tfsr.lite.backend import checked
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import opened

# Streams that a file for many steps at once, each number by an interpreter of its own, for one that
# is resized prepares itself anew. Others are filled up to the next number.
_SIZES = (1, 4, 8, 16, 24, 32, 48, 64)

_NEEDED = "input_rate", "output_rate", "ratio", "hop", "latency_ms"


class LiteStreams(Streams):
    """Runs a file for streams, in one thread at a time.

    A file for many streams processes several at once, which takes a third of the time for each.

        streams = LiteStreams("stream.tflite")
        state = streams.initial_state()
        high, state = streams.step(low, state)  # [1, hop] to [1, ratio * hop]

    Args:
        path: a file that `tfsr.export` wrote with --format tflite --streaming.
        threads: CPU threads; a hop has too little work for several.

    Attributes:
        properties: the file's description of itself, see `tfsr.export.properties.of`.

    Raises:
        UserError: the file cannot be read, was not made by tfsr, is for whole recordings, or has
            changed since.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self.properties = told = checked(path, read_properties(path), _NEEDED)
        self.input_rate, self.output_rate = told["input_rate"], told["output_rate"]
        self.ratio, self.hop, self.latency_ms = told["ratio"], told["hop"], told["latency_ms"]
        way_out = "is for whole recordings; export it with --streaming"
        self._opened = functools.partial(opened, path, threads, "step", way_out)
        first = self._opened()
        self._begin = first.get_signature_runner("initial_state")
        step = first.get_signature_runner("step")
        for_many = step.get_input_details()["audio"]["shape_signature"][0] < 0
        self._sizes = _SIZES if for_many else (1,)
        self._runners = {1: step}

    def initial_state(self, batch: int = 1) -> State:
        state = self._begin(stream=np.zeros(1, np.int32))
        return {name: np.repeat(x, batch, axis=0) for name, x in state.items()}

    def step(self, audio: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        most = self._sizes[-1]
        made = [
            self._run(audio[start : start + most], _rows(state, start, start + most))
            for start in range(0, len(audio), most)
        ]
        whole = made[0] if len(made) == 1 else _joined(made)
        return whole.pop("audio"), whole

    def _run(self, audio: np.ndarray, state: State) -> dict[str, np.ndarray]:
        streams = len(audio)
        size = next(size for size in self._sizes if size >= streams)
        if size not in self._runners:
            self._runners[size] = self._opened().get_signature_runner("step")
        inputs = {"audio": audio, **state}
        if size > streams:
            inputs = {name: _filled(x, size) for name, x in inputs.items()}
        return _rows(self._runners[size](**inputs), 0, streams)


def _rows(state: State, begin: int, end: int) -> dict[str, np.ndarray]:
    return {name: x[begin:end] for name, x in state.items()}


def _filled(x: np.ndarray, size: int) -> np.ndarray:
    """The array, extended with rows of zeros."""
    filled = np.zeros([size, *x.shape[1:]], x.dtype)
    filled[: len(x)] = x
    return filled


def _joined(made: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([one[name] for one in made]) for name in made[0]}
