"""One call: sound from the exchange as hops for the network, and the recording of its output."""

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfsr.audio_file.writer import rounded
from tfsr.backend import Streams
from tfsr.inference.concealment import Concealment
from tfsr.inference.streams import Hops
from tfsr.telephony import audiosocket
from tfsr.telephony.audiosocket import Message
from tfsr.telephony.recording import Recording

# Seconds by which sound may be late; what is later is taken for lost.
_PAUSE = 0.1

# The exchange's clock may be wrong by this share, and no loss be seen in it.
_DRIFT = 5e-4

# Sound that comes this much faster than it lasts, and so many seconds early, was held up somewhere.
_HURRIED = 1.25
_EARLY = 0.02

# Seconds over which sound goes on behind a part that is left out.
_JOINED = 0.008

# Seconds of sound in a message, as Asterisk sends them.
_REPLIED = 0.02


class Ended(Exception):
    """The call is over; the message says why."""


class Call:
    """One call.

    Args:
        backend: sets the rates.
        place: of its state, see `Many`.
        folder: of its recording; None: there is none.
        reply: sends bytes to the exchange; None: nothing is sent.
        now: seconds of a monotonic clock.

    Attributes:
        place: as given.
        name: its UUID, "" before it has arrived.
        heard_at: time of the last arrival.
        seconds: seconds of sound that arrived.
        path: of the recording, after it is complete.
        reason: why the call ended, None while it lasts.
    """

    def __init__(
        self,
        backend: Streams,
        place: int,
        folder: Path | None,
        reply: Callable[[bytes], None] | None,
        now: float,
    ):
        self.place, self.name, self.heard_at, self.began_at = place, "", now, now
        self.path: Path | None = None
        self.reason: str | None = None
        self._rates = backend.input_rate, backend.output_rate
        self._kind = audiosocket.AUDIO[backend.input_rate]
        self._folder, self._reply = folder, reply
        self._messages = audiosocket.Messages()
        self._hops, self._hop = Hops(backend), backend.hop
        self._concealment = Concealment(backend.input_rate)
        self._timeline = Timeline(backend.input_rate)
        self._left_out = np.zeros(0, np.float32)
        self._arrived: deque[tuple[int, float]] = deque()
        self._put = self._taken = 0
        self._recording: Recording | None = None
        self._replied = np.zeros(0, np.float32)

    @property
    def seconds(self) -> float:
        return self._put / self._rates[0]

    @property
    def ready(self) -> bool:
        """Whether a whole hop is ready."""
        return self._hops.waiting >= self._hop

    @property
    def behind(self) -> float:
        """Seconds of sound that wait for the network."""
        return self._hops.waiting / self._rates[0]

    def take(self, data: bytes, now: float) -> None:
        """Take bytes that have arrived.

        Raises:
            Ended: the exchange ends the call, or the bytes are no AudioSocket.
        """
        self.heard_at = now
        sounds: list[bytes] = []
        try:
            for one in self._messages.of(data):
                self._understand(one, sounds)
        finally:  # also of what came just before a hang-up
            if any(sounds):  # messages may be empty
                self._sound(b"".join(sounds), now)

    def _understand(self, one: Message, sounds: list[bytes]) -> None:
        if one.kind == self._kind:
            if not self.name:
                raise Ended("sound came before a UUID")
            if len(one.content) % 2:
                raise Ended(f"malformed: {len(one.content)} bytes are no samples of 16 bits")
            sounds.append(one.content)
        elif one.kind == audiosocket.UUID:
            if self.name:
                raise Ended("malformed: a second UUID")
            if len(one.content) != audiosocket.UUID_BYTES:
                raise Ended(f"malformed: a UUID of {len(one.content)} bytes, not of 16")
            self.name = str(uuid.UUID(bytes=one.content))
        elif one.kind == audiosocket.HANG_UP:
            raise Ended("hung up")
        elif one.kind == audiosocket.ERROR:
            raise Ended(f"the exchange reports error {one.content.hex() or 'without number'}")
        elif one.kind in audiosocket.AUDIO.values():
            raise Ended(
                f"malformed: sound of kind {one.kind:#04x}, not of {self._rates[0]} Hz; "
                "let the exchange send slin"
            )
        elif one.kind != audiosocket.DTMF:
            raise Ended(f"malformed: no message is of kind {one.kind:#04x}")

    def _sound(self, data: bytes, now: float) -> None:
        audio = np.frombuffer(data, "<i2").astype(np.float32) / 32768
        missing, surplus = self._timeline.came(len(audio), now)
        if missing:
            self._add(self._concealment.lost(missing), now)
        audio = self._without(audio, surplus)
        if len(audio):
            self._add(self._concealment.came(audio), now)

    def _without(self, audio: np.ndarray, surplus: int) -> np.ndarray:
        """The audio without its beginning; a cross-fade joins the rest to what was before."""
        if surplus and not len(self._left_out):
            self._left_out = audio[: round(_JOINED * self._rates[0])]
        audio = audio[surplus:]
        size = min(len(audio), len(self._left_out))
        if size:
            weight = np.linspace(1, 0, size, dtype=np.float32)
            begin = weight * self._left_out[:size] + (1 - weight) * audio[:size]
            audio, self._left_out = np.concatenate([begin, audio[size:]]), audio[:0]
        return audio

    def _add(self, audio: np.ndarray, now: float) -> None:
        self._hops.put(audio[np.newaxis])
        self._put += len(audio)
        self._arrived.append((self._put, now))

    def interrupted(self) -> None:
        """Note that nothing was read for a while: the next data are late, but not lost."""
        self._timeline.interrupted()

    def end(self, reason: str, now: float) -> None:
        """End the input; the rest of it becomes ready."""
        if self.reason is None:
            self.reason = reason
            rest = self._hops.rest()
            self._hops.put(rest)
            self._arrived.append((self._put + rest.shape[1], now))

    def next(self) -> tuple[np.ndarray, float]:
        """The next hop, [1, hop], and the time when its last sample arrived."""
        hop = self._hops.next()
        assert hop is not None, "ask only where it is ready"
        self._taken += self._hop
        while self._arrived[0][0] < self._taken:
            self._arrived.popleft()
        return hop, self._arrived[0][1]

    def give(self, high: np.ndarray) -> None:
        """Store and send the network's output for a hop, [ratio * hop].

        Raises:
            UserError: the recording cannot be written.
        """
        heard = self._hops.heard(high[np.newaxis])[0]
        if not len(heard):
            return
        if self._folder:
            if self._recording is None:
                first = 1 + (self.place * 7 % 50) * self._rates[1] // 50
                self._recording = Recording(self._folder, self.name, self._rates[1], first=first)
            self._recording.write(heard)
        if self._reply and self.reason is None:
            for content in self._replies(heard):
                self._reply(audiosocket.message(audiosocket.AUDIO[self._rates[1]], content))

    def _replies(self, heard: np.ndarray) -> Iterator[bytes]:
        """Messages of 20 ms; the rest waits for more sound."""
        self._replied = np.concatenate([self._replied, heard])
        size = round(_REPLIED * self._rates[1])
        while len(self._replied) >= size:
            part, self._replied = self._replied[:size], self._replied[size:]
            yield rounded(part, 16).astype("<i2").tobytes()

    def close(self) -> None:
        """Complete the recording, if any sound came.

        Raises:
            UserError: the recording cannot be written.
        """
        if self._recording:
            self.path = self._recording.close()


class Timeline:
    """Finds lost and surplus sound, by comparing the sound of a call with the clock.

    Lost sound and late sound look alike at first: sound is missing, and is made up. If sound then
    comes faster than it lasts, it was only late. As much of it as was made up is surplus.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int):
        self._rate = rate
        self._last: float | None = None  # when sound came last
        self._ahead = 0.0  # samples that came before they were due
        self._made_up = 0
        self._hurries = False

    def interrupted(self) -> None:
        """Do not count the time until sound comes next."""
        self._last = None

    def came(self, samples: int, now: float) -> tuple[int, int]:
        """The number of samples missing before these, and how many of these are surplus.

        Args:
            samples: number of samples that came, at least 1.
            now: seconds of a steady clock.
        """
        passed = 0.0 if self._last is None else (now - self._last) * self._rate
        if self._last is None:
            self._ahead -= samples
        self._last = now
        self._ahead += samples - passed
        missing = surplus = 0
        if -self._ahead > _PAUSE * self._rate:
            missing = round(-self._ahead)
        elif samples > _HURRIED * passed:
            surplus = self._surplus(samples)
        else:  # what did not come by now is lost for good
            self._hurries = False
            self._made_up = max(self._made_up - samples, 0)
        self._made_up += missing - surplus
        self._ahead += missing - surplus
        self._ahead -= np.clip(self._ahead, -_DRIFT * passed, _DRIFT * passed)
        return missing, surplus

    def _surplus(self, samples: int) -> int:
        """The surplus of sound that comes too fast: all of it, as far as any was made up."""
        self._hurries = self._hurries or self._ahead >= _EARLY * self._rate
        return min(samples, self._made_up) if self._hurries else 0
