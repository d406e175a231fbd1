"""Microphone and loudspeaker, through the package sounddevice."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from tfsr.backend import Streams
from tfsr.errors import UserError
from tfsr.optional_imports import load

DEFAULT = "default"


class Devices:
    """A microphone and a loudspeaker.

    Args:
        name: "default", a name or number of sounddevice's, or two of them: "IN,OUT".
        backend: sets the rates, and the hop, which is read at once.

    Attributes:
        backend: as given.

    Raises:
        UserError: sounddevice or PortAudio is missing.
    """

    def __init__(self, name: str, backend: Streams):
        self.backend, self._name = backend, name
        self._overflows = self._underflows = 0
        try:
            self._sounddevice = load("sounddevice")
        except OSError as error:
            text = f"sounddevice: {error}; install it, as libportaudio2 on Debian"
            raise UserError(text) from error

    @property
    def lost(self) -> str:
        """How often sound was lost, in words; "" where none was."""
        times = {
            "the microphone lost sound": self._overflows,
            "the loudspeaker had none": self._underflows,
        }
        return ", ".join(f"{what} {count} times" for what, count in times.items() if count)

    @contextlib.contextmanager
    def opened(
        self,
    ) -> Iterator[tuple[Iterator[np.ndarray], Callable[[np.ndarray], None]]]:
        """What the microphone gives, endlessly, and what takes sound for the loudspeaker.

        Yields:
            float32 [hop, 1] at the input rate; a function of float32 [time, 1] at the output rate.

        Raises:
            UserError: a device does not take these rates.
        """
        source, _, sink = self._name.partition(",")
        how = {"channels": 1, "dtype": "float32", "latency": "low"}
        rates = self.backend.input_rate, self.backend.output_rate
        of = self._sounddevice
        try:
            hop = self.backend.hop
            microphone = of.InputStream(rates[0], hop, device=_device(source), **how)
            loudspeaker = of.OutputStream(rates[1], device=_device(sink or source), **how)
            with microphone, loudspeaker:
                yield self._blocks(microphone), lambda audio: self._write(loudspeaker, audio)
        except (ValueError, of.PortAudioError) as error:
            text = f"`device` {self._name}: {error}; python -m sounddevice lists them"
            raise UserError(text) from error

    def _blocks(self, microphone) -> Iterator[np.ndarray]:
        while True:
            audio, overflowed = microphone.read(self.backend.hop)
            self._overflows += overflowed
            yield audio

    def _write(self, loudspeaker, audio: np.ndarray) -> None:
        self._underflows += loudspeaker.write(audio)


def _device(name: str) -> int | str | None:
    """The device in the form for sounddevice: a number, a name, or None for the default."""
    return None if name == DEFAULT else int(name) if name.isdecimal() else name
