"""Packet loss concealment: the sound that replaces a frame that did not arrive."""

import numpy as np

# Hz, between which a voice's pitch is looked for.
_PITCH = 66, 400

# Seconds of the end of the signal in which the pitch must show.
_COMPARED = 0.02

# Seconds from the beginning of a loss: all is heard up to the first, nothing from the second on.
_FADED = 0.01, 0.06

# Seconds over which what comes takes the place of what was made up.
_JOINED = 0.008


class Concealment:
    """Repeats the last pitch period of a stream, fading out, where samples are lost.

    It follows ITU-T G.711 Appendix I (1999), but without its delay of 3.75 ms. There the end of the
    signal is held back to be cross-faded. Here the signal after the loss begins at the fading
    level.

        concealment = Concealment(8000)
        audio = concealment.came(audio)
        audio = concealment.lost(160)

    Args:
        rate: Hz of the stream.
    """

    def __init__(self, rate: int):
        self._shortest, self._longest = rate // _PITCH[1], rate // _PITCH[0]
        self._compared = round(_COMPARED * rate)
        self._faded = [round(seconds * rate) for seconds in _FADED]
        self._joined = round(_JOINED * rate)
        self._past = np.zeros(self._longest + self._compared, np.float32)
        self._period = np.zeros(0, np.float32)
        self._step = 0.0
        self._lost = self._since = 0  # samples of the loss, and of what came after it

    def came(self, audio: np.ndarray) -> np.ndarray:
        """The same float32 [time]; after a loss its beginning is cross-faded."""
        if self._lost:
            weight = _falling(self._joined)[self._since :][: len(audio)]
            begin = weight * self._made(len(weight)) + (1 - weight) * audio[: len(weight)]
            audio = np.concatenate([begin, audio[len(weight) :]])
            self._since += len(weight)
            if self._since == self._joined:
                self._lost = self._since = 0
        self._keep(audio)
        return audio

    def lost(self, samples: int) -> np.ndarray:
        """The replacement of this number of lost samples, float32 [time]."""
        if not self._lost or self._since:
            self._begin()
        made = self._made(samples)
        self._lost += samples
        self._keep(made)
        return made

    def _keep(self, heard: np.ndarray) -> None:
        size = len(self._past)
        self._past = np.concatenate([self._past, heard[-size:]])[-size:]

    def _begin(self) -> None:
        """Take the last period, and cross-fade its end with the signal before its beginning."""
        self._lost = self._since = 0
        length = self._pitch()
        period, before = self._past[-length:], self._past[-2 * length : -length]
        joined = max(length // 4, 1)
        weight = np.concatenate([np.ones(length - joined, np.float32), _falling(joined)])
        self._period = weight * period + (1 - weight) * before
        self._step = float(period[-1] - before[-1])

    def _made(self, samples: int) -> np.ndarray:
        """The next samples from an endless repetition of the period."""
        done = self._lost + self._since
        places = np.arange(done, done + samples)
        full, silent = self._faded
        gain = np.clip((silent - places) / (silent - full), 0, 1).astype(np.float32)
        begin = np.zeros(samples, np.float32)
        falling = _falling(max(len(self._period) // 4, 1))[done:][:samples]
        begin[: len(falling)] = self._step * falling
        return gain * self._period[places % len(self._period)] + begin

    def _pitch(self) -> int:
        """Pitch period in samples: the shift at which the end is most similar to the past."""
        end = self._past[-self._compared :]
        windows = np.lib.stride_tricks.sliding_window_view(self._past, self._compared)
        earlier = windows[-1 - self._longest : len(windows) - self._shortest]
        energy = np.sum(earlier**2, axis=1)
        likeness = earlier @ end / np.sqrt(energy + 1e-9)
        return self._longest - int(np.argmax(likeness))


def _falling(samples: int) -> np.ndarray:
    """A fade from nearly 1 to nearly 0, smooth at both ends."""
    places = (np.arange(samples, dtype=np.float32) + 1) / (samples + 1)
    return 0.5 + 0.5 * np.cos(np.pi * places)
