"""The command, in processes of its own, with the model for calls."""

import functools
import signal
import socket
import subprocess
import sys
import uuid

import numpy as np
import pytest
import soundfile

import tfsr
from tfsr.telephony import audiosocket

HOP, LATENCY = 80, 20
PRESET = "telephony-8k-16k"

# A program whose standard input and output are files.
WITH_FILES = """
import os, sys
for number, name, how in (0, "STDIN", os.O_RDONLY), (1, "STDOUT", os.O_WRONLY | os.O_CREAT):
    if name in os.environ:
        os.dup2(os.open(os.environ[name], how), number)
from tfsr import command, live
command.run(live.main)
"""

# As sounddevice: what is recorded stands in a file, what is played is written to one.
SOUNDDEVICE = """
import numpy as np, sys, types
class Stream:
    def __init__(self, samplerate, blocksize=0, device=None, **how):
        self.rate, self.place = samplerate, 0
        if device == "none":
            raise ValueError("no device of this name")
    def __enter__(self): return self
    def __exit__(self, *_): pass
class InputStream(Stream):
    def read(self, samples):
        assert self.rate == 8000
        block = np.load("recorded.npy")[self.place:][:samples]
        self.place += samples
        if not len(block): raise KeyboardInterrupt
        return block[:, np.newaxis], self.place == 3 * samples
class OutputStream(Stream):
    def write(self, audio):
        assert self.rate == 16000 and audio.dtype == np.float32
        with open("played.f32", "ab") as file: file.write(audio.tobytes())
        self.place += 1
        return self.place <= 2
PortAudioError = RuntimeError
sys.modules["sounddevice"] = types.SimpleNamespace(**globals())
"""


@pytest.fixture
def live(run, tmp_path, monkeypatch):
    """A function that runs the command in an empty folder, `source` being what it reads."""
    monkeypatch.chdir(tmp_path)

    def live(*arguments: str, source: bytes | None = None, before: str = ""):
        given = {}
        if source is not None:
            (tmp_path / "in").write_bytes(source)
            given = {"STDIN": str(tmp_path / "in"), "STDOUT": str(tmp_path / "out")}
        return run("-c", before + WITH_FILES, *arguments, **given)

    return live


@functools.cache
def expected(channels: int = 1, samples: int = 1000) -> np.ndarray:
    """What the library makes of `sound`, as 16 bits."""
    low = sound(channels, samples) / np.float32(32768)
    wide = np.concatenate(list(tfsr.load(PRESET).stream([low])))
    return np.clip(np.rint(np.float64(wide) * 32768), -32768, 32767).astype("<i2")


def sound(channels: int = 1, samples: int = 1000) -> np.ndarray:
    random = np.random.default_rng(channels)
    return (random.normal(0, 3000, [samples, channels])).astype("<i2")


def wav(subtype: str = "PCM_16", channels: int = 1, rate: int = 8000) -> bytes:
    with open("made.wav", "wb+") as file:
        soundfile.write(file, sound(channels), rate, format="WAV", subtype=subtype)
        file.seek(0)
        return file.read()


def close_to(made: np.ndarray, wanted: np.ndarray) -> None:
    """Sums of one channel and of several are rounded in other orders."""
    assert made.shape == wanted.shape
    assert np.max(np.abs(made.astype(int) - wanted)) <= 1


def test_raw_sound_becomes_raw(live, tmp_path):
    done = live(source=sound().tobytes())
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("live: 13 frames of 10 ms, ")
    assert (tmp_path / "out").read_bytes() == expected().tobytes()


@pytest.mark.parametrize("channels", [1, 2])
def test_wav_becomes_wav(live, tmp_path, channels):
    done = live("-", source=wav(channels=channels))
    assert done.returncode == 0, done.stderr
    made, rate = soundfile.read(tmp_path / "out", dtype="int16", always_2d=True)
    assert rate == 16_000
    close_to(made, expected(channels))


@pytest.mark.parametrize("flags", [["--raw", "ulaw"], ["--raw", "8000,ulaw,1", "--format", "wav"]])
def test_telephony_without_header(live, tmp_path, flags):
    soundfile.write("made.raw", sound(), 8000, format="RAW", subtype="ULAW")
    done = live(*flags, source=(tmp_path / "made.raw").read_bytes())
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "out").read_bytes()
    assert (made[:4] == b"RIFF") == ("wav" in flags)
    assert len(made) == 4000 + 44 * ("wav" in flags)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["call.wav"], "live: reads standard input; give < call.wav, or use tfsr upsample"),
        (["--model", "speech-16k-x2"], "speech-16k-x2: wants whole recordings; one that streams"),
        (["--model", "none"], "none: no such folder, and no preset of that name"),
        (["--raw", "gsm"], "--raw 8000,gsm,1: gsm is not for streams; choose one of"),
        (["--raw", "16000,s16le"], f"standard input: is at 16000 Hz, {PRESET} takes 8000 Hz; rec"),
        (["--write", "calls"], "live: --write is for calls; give --audiosocket HOST:PORT too"),
        (["--audiosocket", "a:1"], "live: give --write FOLDER for the recordings of calls"),
        (["--calls", "3"], "live: --calls is for calls; give --audiosocket HOST:PORT too"),
        (["--audiosocket", "a:1", "--write="], "live: --write '': give a folder"),
        (["--audiosocket", "a:1", "--reply", "--timeout", "nan"], "live: --timeout nan: give sec"),
        (["--audiosocket=", "--reply"], "--audiosocket : give HOST:PORT, such as"),
        (["--audiosocket", "a", "--reply"], "--audiosocket a: give HOST:PORT, such as"),
        (["--audiosocket", "a:1", "--device", "default"], "live: give one of --device and --audio"),
        (["--device", "default", "--raw", "ulaw"], "live: --raw is for standard input and output"),
    ],
)
def test_mistakes_are_told_in_a_line(live, arguments, message):
    done = live(*arguments, source=b"")
    assert done.returncode == 2
    assert done.stderr.startswith(f"tfsr: {message}") and done.stderr.count("\n") == 1


def test_nothing_becomes_nothing(live, tmp_path):
    done = live(source=b"")
    assert (done.returncode, (tmp_path / "out").read_bytes()) == (0, b"")
    assert done.stderr == "live: no frames\n"


def test_a_sample_that_is_not_whole_is_told(live, tmp_path):
    done = live(source=sound().tobytes()[:-1])
    assert done.returncode == 0 and len((tmp_path / "out").read_bytes()) == 4 * 999
    assert "live: standard input ends within a sample, whose bytes are left out\n" in done.stderr


def test_from_microphone_to_loudspeaker(live, tmp_path):
    np.save("recorded.npy", sound()[: 12 * HOP, 0] / np.float32(32768))
    done = live("--device", "default", before=SOUNDDEVICE)
    assert done.returncode == 130 and "live: 12 frames of 10 ms" in done.stderr
    assert (
        "live: the microphone lost sound 1 times, the loudspeaker had none 2 times" in done.stderr
    )
    played = np.fromfile("played.f32", np.float32)
    made = np.rint(np.float64(played) * 32768)
    np.testing.assert_array_equal(made, expected()[: len(made), 0])
    assert len(made) == 2 * 11 * HOP


def test_devices_that_there_are_not(live):
    done = live("--device", "default,none", before=SOUNDDEVICE)
    assert done.returncode == 2
    assert done.stderr.startswith("tfsr: --device default,none: no device of this name; python")
    done = live("--device", "default", before="import sys; sys.modules['sounddevice'] = None\n")
    assert done.returncode == 2 and done.stderr.endswith("pip install 'tfsr[live]'\n")


class Piped:
    """The command as a program between two pipes."""

    def __init__(self, *arguments: str):
        command = [sys.executable, "-m", "tfsr.live", *arguments]
        how = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.program = subprocess.Popen(command, bufsize=0, **how)

    def read(self, size: int) -> bytes:
        """Waits for so many bytes."""
        data = b""
        while len(data) < size and (more := self.program.stdout.read(size - len(data))):
            data += more
        return data

    def end(self, timeout: float) -> tuple[int, str]:
        """Exit code and what it told."""
        self.program.wait(timeout)
        return self.program.returncode, self.program.stderr.read().decode()


@pytest.fixture
def piped():
    made: list[Piped] = []

    def piped(*arguments: str) -> Piped:
        made.append(Piped(*arguments))
        return made[-1]

    yield piped
    for one in made:
        one.program.kill()
        one.program.wait()
        for pipe in one.program.stdin, one.program.stdout, one.program.stderr:
            pipe.close()


def test_a_frame_comes_out_when_the_next_has_come_in(piped, hangs):
    """20 ms after its first sample, whatever waits in the pipe; all is as the library makes it."""
    program, low, made = piped(), sound().tobytes(), b""
    for start in range(0, 2 * 960, 2 * HOP):
        program.program.stdin.write(low[start : start + 2 * HOP])
        if start:
            made += program.read(4 * HOP)
    program.program.stdin.write(low[2 * 960 :])
    program.program.stdin.close()
    made += program.read(4000)
    assert made == expected().tobytes()
    assert program.end(hangs)[0] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(piped, hangs, number, code):
    program = piped()
    program.program.stdin.write(sound()[: 2 * HOP].tobytes())
    assert len(program.read(4 * HOP)) == 4 * HOP
    program.program.send_signal(number)
    assert program.end(hangs)[0] == code


def test_a_reader_that_has_gone_ends_it(piped, hangs):
    program = piped()
    program.program.stdout.close()
    program.program.stdin.write(sound().tobytes())
    program.program.wait(hangs)
    told = program.program.stderr.read().decode()
    assert program.program.returncode == 141 and told.count("\n") == 1


def test_calls_are_answered(piped, hangs, tmp_path):
    """With the network, until SIGTERM."""
    program = piped("--audiosocket", "127.0.0.1:0", "--write", str(tmp_path / "calls"))
    line = program.program.stdout.readline().decode()
    port = int(line.split(":")[2].partition(",")[0])
    names = [uuid.UUID(int=number) for number in (1, 2)]
    data = audiosocket.message(audiosocket.AUDIO[8000], sound().tobytes())
    with socket.create_connection(("127.0.0.1", port)) as first:
        first.sendall(audiosocket.message(audiosocket.UUID, names[0].bytes) + data)
        with socket.create_connection(("127.0.0.1", port)) as other:
            other.sendall(audiosocket.message(audiosocket.UUID, names[1].bytes) + data)
        assert str(names[1]) in program.program.stdout.readline().decode()
        program.program.send_signal(signal.SIGTERM)
        code, told = program.end(hangs)
    assert (code, told) == (143, "")
    for name in names:
        made, rate = soundfile.read(tmp_path / "calls" / f"{name}.wav", dtype="int16")
        assert rate == 16_000
        close_to(made[:, np.newaxis], expected())
