"""Streams with an exported TensorFlow Lite file, without TensorFlow."""

import os

import numpy as np

from tfsr.backend import State, Streams
from tfsr.lite.backend import checked
from tfsr.lite.file import read_properties
from tfsr.lite.interpreter import opened

_NEEDED = "input_rate", "output_rate", "ratio", "hop", "latency_ms"


class LiteStreams(Streams):
    """Runs a file for streams, one stream in one thread at a time.

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
        interpreter = opened(path, threads, "step", way_out)
        self._begin = interpreter.get_signature_runner("initial_state")
        self._step = interpreter.get_signature_runner("step")

    def initial_state(self) -> State:
        return self._begin(stream=np.zeros(1, np.int32))

    def step(self, audio: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        made = self._step(audio=audio, **state)
        return made.pop("audio"), made
