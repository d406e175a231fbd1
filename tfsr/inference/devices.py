"""Microphone and loudspeaker, through the package sounddevice."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from tfsr.backend import Streams
from tfsr.errors import UserError
from tfsr.optional_imports import load

DEFAULT = "default"


@contextlib.contextmanager
def opened(
    name: str, backend: Streams
) -> Iterator[tuple[Iterator[np.ndarray], Callable[[np.ndarray], None]]]:
    """An endless stream from the microphone, and a function that plays sound.

    Args:
        name: "default", a name or number of sounddevice's, or two of them: "IN,OUT".
        backend: sets the rates, and the hop, which is read at once.

    Yields:
        float32 [hop, 1] at the input rate, and a function of float32 [time, 1] at the output rate.

    Raises:
        UserError: sounddevice or PortAudio is missing, or the device does not take these rates.
    """
    try:
        sounddevice = load("sounddevice")
    except OSError as error:
        raise UserError(f"sounddevice: {error}; install it, as libportaudio2 on Debian") from error
    source, _, sink = name.partition(",")
    how = {"channels": 1, "dtype": "float32", "latency": "low"}
    rates = backend.input_rate, backend.output_rate
    try:
        microphone = sounddevice.InputStream(rates[0], backend.hop, device=_device(source), **how)
        loudspeaker = sounddevice.OutputStream(rates[1], device=_device(sink or source), **how)
        with microphone, loudspeaker:
            yield _blocks(microphone, backend.hop), loudspeaker.write
    except (ValueError, sounddevice.PortAudioError) as error:
        raise UserError(f"`device` {name}: {error}; python -m sounddevice lists them") from error


def _blocks(microphone, hop: int) -> Iterator[np.ndarray]:
    while True:
        yield microphone.read(hop)[0]


def _device(name: str) -> int | str | None:
    """The device in the form for sounddevice: a number, a name, or None for the default."""
    return None if name == DEFAULT else int(name) if name.isdecimal() else name
