"""How lost packets of bundled speech sound: concealed, and as silence.

    python tools/live_loss.py

Packets of 20 ms are lost one by one or in bursts. It prints the largest step between two samples at
a joint, at the low rate and of the wide sound, as share of the 99.9th percentile of speech. PESQ
(wide band) compares with the wide sound without loss (pip install 'tfsr[eval]').
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
from live_load import PACKET, RATE, read

import tfsr
from tfsr.inference.concealment import Concealment
from tfsr.optional_imports import load

LOSSES = (0.05, 1), (0.1, 1), (0.1, 3), (0.05, 10)
"""Share of packets, and how many follow each other."""

AROUND = 4
"""Samples of the wide sound on each side of a joint."""


def main() -> None:
    folder = Path(str(resources.files("tfsr.data"))) / "bundled"
    low = [read(path) for path in sorted(folder.glob("*.flac"))[::8]]
    low = [audio[: len(audio) // PACKET * PACKET] for audio in low]
    wide = [_widened(audio) for audio in low]
    allowed = [np.percentile(np.concatenate(list(map(_steps, of))), 99.9) for of in (low, wide)]
    print(f"{len(low)} files, {sum(map(len, low)) / RATE:.0f} s; share and burst of lost packets")
    for share, burst in LOSSES:
        for conceals in True, False:
            steps, scores = _measured(low, wide, share, burst, conceals)
            most = np.max(steps, axis=0) / allowed
            print(
                f"{share:.0%}, {burst}, {'concealed' if conceals else 'silence'}: "
                f"{len(steps)} joints, step {most[0]:.2f} (low), {most[1]:.2f} (wide); "
                f"PESQ {np.mean(scores):.2f}"
            )


def _measured(low, wide, share: float, burst: int, conceals: bool) -> tuple[list, list]:
    """Steps at all joints, of both rates, and the scores of all files."""
    random, steps, scores = np.random.default_rng(0), [], []
    for audio, whole in zip(low, wide, strict=True):
        packets = len(audio) // PACKET
        begins = np.flatnonzero(random.random(packets) < share / burst)
        lost = {number + more for number in begins for more in range(burst)}
        heard = np.concatenate(list(_heard(audio, lost, conceals)))
        made = _widened(heard)
        for number in range(1, packets):
            if (number in lost) != (number - 1 in lost):
                place = number * PACKET
                around = slice(2 * place - AROUND, 2 * place + AROUND)
                steps.append((_steps(heard)[place - 1], np.max(_steps(made)[around])))
        if lost:
            scores.append(load("pesq").pesq(2 * RATE, whole, made, "wb"))
    return steps, scores


def _heard(audio: np.ndarray, lost: set[int], conceals: bool) -> Iterator[np.ndarray]:
    concealment = Concealment(RATE)
    for number, packet in enumerate(np.split(audio, len(audio) // PACKET)):
        if not conceals:
            yield packet * (number not in lost)
        elif number in lost:
            yield concealment.lost(PACKET)
        else:
            yield concealment.came(packet)


def _widened(audio: np.ndarray) -> np.ndarray:
    return np.concatenate(list(tfsr.load("telephony-8k-16k").stream([audio])))


def _steps(audio: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(audio))


if __name__ == "__main__":
    main()
