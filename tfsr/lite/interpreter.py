"""Signatures of a TensorFlow Lite file as functions of arrays."""

import collections
import os

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfsr.errors import UserError

WHOLE = "serving_default"
"""The signature of a file for whole recordings."""


def processors() -> int:
    """Number of processors that this process may use."""
    # Not on macOS and Windows.
    allowed = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    return len(allowed(0))


def opened(path: str | os.PathLike, threads: int, signature: str, way_out: str) -> Interpreter:
    """An interpreter of a file, for one thread at a time.

    Raises:
        UserError: the file has no such signature; the message ends with `way_out`.
    """
    interpreter = Interpreter(os.fspath(path), num_threads=threads)
    if signature not in interpreter.get_signature_list():
        raise UserError(f"{path}: {way_out}")
    return interpreter


class WholeRecordings:
    """A file's signature for whole recordings, also for several threads at once.

    An interpreter works for one thread at a time. A call takes an idle one, or makes a new one. So
    calls from several threads do not wait for each other.

    Args:
        path: of the file.
        threads: CPU threads of each interpreter.

    Raises:
        UserError: the file is for streams.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self._how = path, threads
        self._idle = collections.deque([_Resized(*self._how)])

    def __call__(self, audio: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
        """Upsample; if inputs have the shapes of the call before, this takes half the time.

        Args:
            audio: float32 [batch, time].
            noise: float32 [noise_steps, batch, ratio * time], if the file uses noise.

        Returns:
            float32 [batch, ratio * time].
        """
        inputs = {"audio": audio} | ({} if noise is None else {"noise": noise})
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = _Resized(*self._how)
        high = interpreter(inputs)
        self._idle.append(interpreter)  # but for one that has failed
        return high


class _Resized:
    """An interpreter that is resized only when a shape changes; its runners do so at every call."""

    def __init__(self, path: str | os.PathLike, threads: int):
        way_out = "is for streams; export it without --streaming"
        self._interpreter = opened(path, threads, WHOLE, way_out)
        runner = self._interpreter.get_signature_runner(WHOLE)
        self._inputs = {name: at["index"] for name, at in runner.get_input_details().items()}
        self._audio = runner.get_output_details()["audio"]["index"]
        self._shapes: dict[str, tuple[int, ...]] = {}

    def __call__(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        self._resize({name: x.shape for name, x in inputs.items()})
        for name, x in inputs.items():
            self._interpreter.set_tensor(self._inputs[name], x)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._audio)

    def _resize(self, shapes: dict[str, tuple[int, ...]]) -> None:
        if shapes == self._shapes:
            return
        for name, shape in shapes.items():
            self._interpreter.resize_tensor_input(self._inputs[name], shape)
        self._interpreter.allocate_tensors()
        self._shapes = shapes
