"""A model as people use it in Python: arrays in, arrays out."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tfsr import presets
from tfsr.arguments import path
from tfsr.backend import Backend, Streams
from tfsr.errors import UserError
from tfsr.inference import streams
from tfsr.inference.file_jobs import Request
from tfsr.inference.files import upsampled
from tfsr.inference.samples import NAME, Samples
from tfsr.model_card import ModelCard
from tfsr.optional_imports import needed_by

if TYPE_CHECKING:  # to upsample needs no TensorFlow
    from tfsr.upsamplers.base import Upsampler


class About(Protocol):
    """What is known about a model before its weights are read.

    Attributes:
        input_rate, output_rate: Hz.
        latency_ms: for a model that runs on streams, see `Backend`; None: it needs whole
            recordings.
        card: the model card.
    """

    @property
    def input_rate(self) -> int: ...
    @property
    def output_rate(self) -> int: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def card(self) -> ModelCard: ...


class Model:
    """A trained upsampler, as `tfsr.load` returns it.

    Each part is opened at its first use. Upsampling runs on LiteRT if the model has a `.tflite`
    file, else on TensorFlow. After the first use of `upsampler`, the Keras model upsamples, because
    it may have been trained further.

    Args:
        name: the model's name in messages.
        upsampler: opens the Keras model; it may raise UserError. None: there is none.
        about: opens what is known about the model; None: it comes from the Keras model.
        backend: opens the part that upsamples whole signals; None: it comes from the Keras model.
        streams: opens the part that runs on streams; None: it comes from the Keras model.

    Attributes:
        name: as given.

    >>> import numpy as np, tfsr
    >>> model = tfsr.load("speech-16k-x2")
    >>> model.input_rate, model.output_rate
    (8000, 16000)
    >>> model.upsample(np.zeros(8000), rate=8000).shape
    (16000,)
    """

    def __init__(
        self,
        name: str,
        upsampler: Callable[[], Upsampler] | None = None,
        about: Callable[[], About] | None = None,
        backend: Callable[[], Backend] | None = None,
        streams: Callable[[], Streams] | None = None,
    ):
        self.name = name
        self._open_upsampler, self._open_about = upsampler, about
        self._open_backend, self._open_streams = backend, streams

    def __repr__(self) -> str:
        return f"<tfsr.Model {self.name}, {self.input_rate} to {self.output_rate} Hz>"

    @functools.cached_property
    def upsampler(self) -> Upsampler:
        """The Keras model, for training and export; it needs TensorFlow.

        Raises:
            UserError: there is none, as for an exported file.
        """
        if self._open_upsampler is None:
            raise UserError(
                f"{self.name}: an exported file has no Keras model; load the model that it was "
                "exported from"
            )
        return self._open_upsampler()

    @property
    def backend(self) -> Backend:
        """The part that upsamples whole signals."""
        return self.upsampler if self._on_keras else self._backend

    @property
    def streams(self) -> Streams:
        """The part that runs on streams.

        Raises:
            UserError: the model needs whole recordings.
        """
        source = None
        if self.latency_ms is not None:
            source = self.upsampler.streams if self._on_keras else self._streams
        if source is None:
            others = " or ".join(presets.streaming())
            raise UserError(f"{self.name}: wants whole recordings; one that streams is {others}")
        return source

    @property
    def card(self) -> ModelCard:
        """The model card: sources and licences of the training data, scores and more."""
        return self._about.card

    @property
    def input_rate(self) -> int:
        """Sample rate of the input in Hz."""
        return self._about.input_rate

    @property
    def output_rate(self) -> int:
        """Sample rate of the output in Hz."""
        return self._about.output_rate

    @property
    def latency_ms(self) -> float | None:
        """Time from a sample's arrival to its output in `stream`; None: it cannot stream."""
        return self._about.latency_ms

    @functools.cached_property
    def _about(self) -> About:
        return self._open_about() if self._open_about else self.upsampler

    @functools.cached_property
    def _backend(self) -> Backend:
        return self._open_backend() if self._open_backend else self.upsampler

    @functools.cached_property
    def _streams(self) -> Streams | None:
        return self._open_streams() if self._open_streams else self.upsampler.streams

    @property
    def _on_keras(self) -> bool:
        """Whether the Keras model is open already. If so, it does the upsampling."""
        return "upsampler" in vars(self)

    def upsample(
        self,
        audio: np.ndarray,
        rate: int | None = None,
        *,
        bandwidth: float | None = None,
        keep_low_band: bool = True,
        seed: int = 0,
    ) -> np.ndarray:
        """Widen the band of a recording.

        Args:
            audio: [time] or [time, channels]. float32 and float64 in [-1, 1], or int16, int32 and
                uint8 in their whole range.
            rate: Hz of the audio, which is resampled if the model needs another rate. None: it is
                at `input_rate`.
            bandwidth: highest frequency of the audio in Hz; None: it is measured.
            keep_low_band: whether the band that the audio has stays unchanged. A model that
                restores changes it in any case.
            seed: seed of the noise, for models that use noise.

        Returns:
            float32 [time] or [time, channels] at `output_rate`, with the duration of the audio.

        Raises:
            UserError: the audio has another shape or type, or samples that are NaN or infinite.

        >>> import numpy as np, tfsr
        >>> call = np.random.default_rng(0).normal(0, 0.1, [4000, 2])
        >>> tfsr.load("telephony-8k-16k").upsample(call, rate=8000).shape
        (8000, 2)
        """
        rate = self.input_rate if rate is None else rate
        how = {"bandwidth_hz": bandwidth, "keep_low_band": keep_low_band, "seed": seed}
        return upsample_samples(request_for(self, **how), audio, rate)[0]

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Widen a stream while it comes in, with the latency `latency_ms`.

        In total, the output has `ratio` times as many samples as the input. The first output blocks
        are shorter, and the last one gives the rest.

        Args:
            blocks: arrays as for `audio` of `upsample`, of any lengths, at `input_rate`.

        Yields:
            float32 [time] or [time, channels] at `output_rate`, as soon as samples are ready.

        Raises:
            UserError: the model needs whole recordings.

        >>> import numpy as np, tfsr
        >>> blocks = np.split(np.zeros(1600), 10)
        >>> sum(len(wide) for wide in tfsr.load("telephony-8k-16k").stream(blocks))
        3200
        """
        return streams.stream(self.streams, blocks)

    def save(self, folder: str | os.PathLike, half_precision: bool = False) -> None:
        """Write the model as a folder that `tfsr.load` opens; it needs TensorFlow.

        It has TensorFlow Lite files too, unless the model uses noise, or processes long
        recordings in chunks that are cross-faded.

        Args:
            folder: must be new or empty. It appears when everything is written.
            half_precision: store weights in float16, which halves the size.

        Raises:
            UserError: the folder is not empty, or the model is an exported file.

        >>> import tfsr
        >>> tfsr.load("speech-16k-x2").save("mine", half_precision=True)
        >>> tfsr.load("mine").card.description
        'Speech, 8 to 16 kHz'
        """
        folder, upsampler = path("folder", folder), self.upsampler
        with needed_by("to save a model"):
            from tfsr.export import model_files

        model_files.save(upsampler, folder, half_precision)


def request_for(model: Model, **how: Any) -> Request:
    """The request for one model; `how` holds further arguments of `Request`."""
    return Request(load=lambda _: model.backend, system=model.name, **how)


def upsample_samples(request: Request, audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Upsample a recording in memory, as `Request.upsample` does for files.

    Args:
        audio: [time] or [time, channels], see `Samples`.
        rate: Hz.

    Returns:
        float32 [time] or [time, channels], and its rate in Hz.

    Raises:
        UserError: see `Samples`; or there is no band to add.
    """
    recording = Samples(audio, rate)
    blocks, rate = upsampled(request.upsampler, request.plan(recording, NAME))
    wide = np.concatenate(list(blocks))
    return (wide[:, 0] if np.ndim(audio) == 1 else wide), rate
