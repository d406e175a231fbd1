"""Streams with an exported TensorFlow Lite file, without TensorFlow."""

import functools
import os
from collections.abc import Iterator

import numpy as np

from tfsr.backend import State, Streams
from tfsr.lite.backend import checked
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import opened

# Streams that are stepped at once by a file for many; so, what comes needs no resizing.
_SIZES = (64, 16, 4, 1)

_NEEDED = "input_rate", "output_rate", "ratio", "hop", "latency_ms"


class LiteStreams(Streams):
    """Runs a file for streams, in one thread at a time.

    A file for many streams steps several at once, which takes a third of the time for each.

        streams = LiteStreams("stream.tflite")
        state = streams.initial_state()
        high, state = streams.step(low, state)  # [1, hop] to [1, ratio * hop]

    Args:
        path: what `tfsr.export` wrote with --format tflite --streaming.
        threads: CPU threads; a hop has too little work for several.

    Attributes:
        properties: all that the file tells of itself, see `tfsr.export.properties.of`.

    Raises:
        UserError: the file cannot be read, is none of tfsr's, is for whole recordings, or has
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
        parts = list(self._parts(len(audio)))
        made = [
            self._run(audio[part], {name: x[part] for name, x in state.items()}) for part in parts
        ]
        whole = made[0] if len(made) == 1 else _joined(made)
        return whole.pop("audio"), whole

    def _parts(self, streams: int) -> Iterator[slice]:
        """All of them, in parts of the sizes that there are, the largest first."""
        start = 0
        for size in self._sizes:
            while streams - start >= size:
                yield slice(start, start + size)
                start += size

    def _run(self, audio: np.ndarray, state: State) -> dict[str, np.ndarray]:
        size = len(audio)
        if size not in self._runners:  # one interpreter for all sizes would be resized each time
            self._runners[size] = self._opened().get_signature_runner("step")
        return self._runners[size](audio=audio, **state)


def _joined(made: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([one[name] for one in made]) for name in made[0]}
