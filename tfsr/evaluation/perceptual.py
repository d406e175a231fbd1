"""Quality and intelligibility of speech, by packages of the extras `eval` and `listeners`.

They give -inf if they cannot judge a signal, such as silence; means over files leave it out. An
estimate that is not finite gives NaN. docs/measures.md tells what each does not detect.
"""

import contextlib
import dataclasses
import functools
import inspect
import io
import math
import types
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfsr.optional_imports import load
from tfsr.signal.resample import resample


class Judge(ABC):
    """A metric of signals at one rate, to which `resample` brings them.

    It is called like all metrics. A signal of zeros cannot be judged.

    Attributes:
        package: the package that it needs.
        rate: in Hz; frequencies above half of it are not judged.

    Raises:
        UserError: the package is not installed.
    """

    package: ClassVar[str]
    rate: ClassVar[int]

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        package = load(self.package)
        if not np.all(np.isfinite(estimate)):
            return math.nan
        pair = [resample(signal, rate, self.rate) for signal in (reference, estimate)]
        return float(self.judged(package, *pair)) if all(map(np.any, pair)) else -math.inf

    @abstractmethod
    def judged(
        self, package: types.ModuleType, reference: np.ndarray, estimate: np.ndarray
    ) -> float:
        """The score of two signals [time] at `rate`, finite and not all zeros, or -inf."""


@dataclasses.dataclass(frozen=True)
class PesqWideband(Judge):
    """Perceptual evaluation of speech quality, wide band (ITU-T P.862.2): 1.0 to 4.6.

    The score depends on the filter of `resample`: another filter changes it by up to 0.05. It is
    -inf without an utterance: in silence or in less than a quarter of a second.
    """

    package = "pesq"
    rate = 16000

    def judged(
        self, package: types.ModuleType, reference: np.ndarray, estimate: np.ndarray
    ) -> float:
        try:
            return package.pesq(self.rate, reference, estimate, "wb")
        except (package.NoUtterancesError, package.BufferTooShortError):
            return -math.inf


@dataclasses.dataclass(frozen=True)
class VisqolAudio(Judge):
    """Virtual speech quality objective listener, its audio mode: 1.0 to 4.73.

    It compares auditory spectrograms (Chinen et al. 2020, "ViSQOL v3"). It is -inf for
    less than 0.96 s.
    """

    package = "visqol.api"
    rate = 48000
    mode: ClassVar[str] = "audio"

    # Of the 45 frames that are compared at once, 80 ms long, one every 20 ms.
    shortest: ClassVar[int] = 46080

    def judged(
        self, package: types.ModuleType, reference: np.ndarray, estimate: np.ndarray
    ) -> float:
        if reference.size < self.shortest:
            return -math.inf
        pair = np.float64(reference), np.float64(estimate)
        try:
            return _visqol(package, self.mode).measure_from_arrays(*pair, self.rate).moslqo
        except IndexError:  # no frames in which it hears something
            return -math.inf


@dataclasses.dataclass(frozen=True)
class VisqolSpeech(VisqolAudio):
    """ViSQOL's mode for speech, which judges up to 8 kHz.

    It is -inf for less than 0.48 s, which AERO's program leaves out, and for some signals of 0.7 s.
    """

    rate = 16000
    mode = "speech"
    shortest = 7680


@dataclasses.dataclass(frozen=True)
class DistillMos(Judge):
    """Predicted rating by listeners who do not know the original, by DistillMOS: 1 to 5.

    A small network that has learnt from a large one (Stahl & Gamper 2025, "Distillation and pruning
    for scalable self-supervised representation-based speech quality assessment"). It judges 7.7 s
    at once; silence is appended to shorter speech. The reference is not used.
    """

    package = "distillmos"
    rate = 16000

    def judged(
        self, package: types.ModuleType, reference: np.ndarray, estimate: np.ndarray
    ) -> float:
        torch = load("torch")
        with torch.inference_mode():
            heard = torch.from_numpy(estimate.astype(np.float32)[np.newaxis])
            return _distillmos(package)(heard).item()


@dataclasses.dataclass(frozen=True)
class DnsmosP808(Judge):
    """Predicted rating by listeners who do not know the original, by DNSMOS: 1 to 5.

    The score "P.808" of Reddy et al. 2021, "DNSMOS: a non-intrusive perceptual objective speech
    quality metric", as in their program. The program's other scores take fifty times as long. It
    judges 9 s at once, from every second on; shorter speech is repeated. Samples beyond 1 are
    clipped, as in a file. The reference is not used.
    """

    package = "speechmos.dnsmos"
    rate = 16000

    def judged(
        self, package: types.ModuleType, reference: np.ndarray, estimate: np.ndarray
    ) -> float:
        network, scores = _dnsmos(package), []
        for second in _seconds(np.clip(estimate, -1, 1), package.INPUT_LENGTH, self.rate):
            mel = network.audio_melspec(second[: -self.rate // 100])
            (score,) = network.p808_onnx_sess.run(None, {"input_1": np.float32(mel[np.newaxis])})
            scores.append(score)
        return np.mean(scores)


@dataclasses.dataclass(frozen=True)
class Stoi:
    """Short-time objective intelligibility (Taal et al. 2011), not extended: up to 1.

    It is -inf if less than 0.4 s of the reference are audible.

    Raises:
        UserError: pystoi is not installed.
    """

    package = "pystoi"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        stoi = load(self.package).stoi
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            try:
                return float(stoi(reference, estimate, rate))
            except (RuntimeWarning, np.exceptions.AxisError):  # a few audible frames, or one
                return -math.inf


@functools.cache
def _visqol(package: types.ModuleType, mode: str) -> Any:
    judge = package.VisqolApi()
    judge.create(mode)
    return judge


@functools.cache
def _dnsmos(package: types.ModuleType) -> Any:
    models = Path(inspect.getfile(package)).parent / "dnsmos_models"
    return package.DNSMOS(models / "sig_bak_ovr.onnx", models / "model_v8.onnx")


def _seconds(signal: np.ndarray, seconds: float, rate: int) -> Iterator[np.ndarray]:
    """Pieces of `seconds`, from each second on; a short signal is doubled until it suffices."""
    samples = int(seconds * rate)
    while signal.size < samples:
        signal = np.tile(signal, 2)
    for second in range(int(signal.size // rate - seconds) + 1):
        yield signal[second * rate :][:samples]


@functools.cache
def _distillmos(package: types.ModuleType) -> Any:
    """The network, without its messages: it prints where its weights are from.

    It runs in one thread. More threads of PyTorch would wait for processors that TensorFlow's
    threads keep.
    """
    load("torch").set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        return package.ConvTransformerSQAModel().eval()
