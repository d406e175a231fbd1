"""Feed `tfsr live` at the pace of a microphone, and measure how late each frame comes out.

    python tools/live_delay.py --seconds 60

A frame of 10 ms of bundled speech is written every 10 ms. What comes out must be what the library
makes of the whole, sample by sample. A sample is heard 20 ms after it came in, of which 10 are its
frame and 10 the next one, and later by what is printed.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from typing import BinaryIO

import numpy as np
from live_load import RATE, speech, told

import tfsr
from tfsr.audio_file.writer import rounded

FRAME = 80
"""Samples of the model's hop: 10 ms."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    low = speech(int(seconds * RATE) // FRAME * FRAME)
    command = [sys.executable, "-m", "tfsr", "live"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        sent: list[float] = []
        feeding = threading.Thread(target=_feed, args=(program.stdin, low, sent))
        feeding.start()
        made, came = _received(program.stdout.fileno(), sent)
        feeding.join()
        used = os.wait4(program.pid, 0)[2]
    model = tfsr.load("telephony-8k-16k")
    wide = np.concatenate(list(model.stream([low / np.float32(32768)])))
    same = made == rounded(wide, 16).tobytes()
    print(f"{len(low) // FRAME} frames, all samples as the library makes them: {same}")
    # A frame comes out when the next has come in, the last one when the input ends.
    delays = np.array(came[:-1]) - np.array(sent[1:])
    print(f"from that next one to the frame that comes out: {told(delays)}")
    print(f"CPU {used.ru_utime + used.ru_stime:.2f} s, load {os.getloadavg()[0]:.1f}")


def _feed(pipe: BinaryIO, low: np.ndarray, sent: list[float]) -> None:
    """The first frame goes when the program may have started."""
    begin = time.monotonic() + 3
    for number, frame in enumerate(low.reshape(-1, FRAME)):
        time.sleep(max(begin + number * FRAME / RATE - time.monotonic(), 0))
        sent.append(time.monotonic())
        os.write(pipe.fileno(), frame.tobytes())
    pipe.close()


def _received(descriptor: int, sent: list[float]) -> tuple[bytes, list[float]]:
    """All that comes, and when each frame of it was complete."""
    made, came, size = b"", [], 4 * FRAME
    while data := os.read(descriptor, 1 << 16):
        now = time.monotonic()
        made += data
        came += [now] * (len(made) // size - len(came))
    return made, came


if __name__ == "__main__":
    main()
