"""A model as people use it in Python: arrays in, arrays out."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from tfsr.backend import Backend, Streams
from tfsr.errors import UserError
from tfsr.inference import streams
from tfsr.inference.batch import Request
from tfsr.inference.files import upsampled
from tfsr.inference.samples import NAME, Samples

if TYPE_CHECKING:  # to upsample needs no TensorFlow
    from tfsr.model_card import Card
    from tfsr.upsamplers.base import Upsampler


class Model:
    """A trained upsampler, as `tfsr.load` gives it.

    What it needs is opened when it is first used. Upsampling runs on LiteRT where the model has a
    `.tflite` file, else on TensorFlow.

    Args:
        name: what messages call it.
        backend: opens what upsamples whole signals; it may raise UserError.
        streams: opens what runs on streams; likewise.
        upsampler: opens the Keras model; likewise.
        card: opens what is known of it.

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
        backend: Callable[[], Backend],
        streams: Callable[[], Streams],
        upsampler: Callable[[], Upsampler],
        card: Callable[[], Card],
    ):
        self.name = name
        self._open_backend, self._open_streams = backend, streams
        self._open_upsampler, self._open_card = upsampler, card

    def __repr__(self) -> str:
        return f"<tfsr.Model {self.name}, {self.input_rate} to {self.output_rate} Hz>"

    @functools.cached_property
    def backend(self) -> Backend:
        """What upsamples whole signals."""
        return self._open_backend()

    @functools.cached_property
    def upsampler(self) -> Upsampler:
        """The Keras model, to train and to export; it needs TensorFlow.

        Raises:
            UserError: there is none, as of an exported file.
        """
        return self._open_upsampler()

    @functools.cached_property
    def card(self) -> Card:
        """What is known of it: sources and licences of its training data, scores and more."""
        return self._open_card()

    @functools.cached_property
    def _streams(self) -> Streams:
        return self._open_streams()

    @property
    def input_rate(self) -> int:
        """Hz."""
        return self.backend.input_rate

    @property
    def output_rate(self) -> int:
        """Hz."""
        return self.backend.output_rate

    @property
    def latency_ms(self) -> float | None:
        """From when a sample comes in to when `stream` gives it; None: it cannot stream."""
        return self.backend.latency_ms

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
            rate: Hz, of the audio, which is resampled where the model wants another rate. None:
                it is at `input_rate`.
            bandwidth: Hz up to where the audio reaches; None: it is measured.
            keep_low_band: whether what the audio has stays as it is, unless the model restores.
            seed: of the noise, for models that draw any.

        Returns:
            float32 [time] or [time, channels] at `output_rate`, as long as the audio.

        Raises:
            UserError: the audio has another shape or type, or samples that are NaN or infinite.

        >>> import numpy as np, tfsr
        >>> call = np.random.default_rng(0).normal(0, 0.1, [4000, 2])
        >>> tfsr.load("telephony-8k-16k").upsample(call, rate=8000).shape
        (8000, 2)
        """
        rate = self.input_rate if rate is None else rate
        request = request_for(self, bandwidth, keep_low_band, seed)
        return upsample_samples(request, audio, rate)[0]

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Widen a stream as it comes in, see `latency_ms`.

        Put together, what it gives is as long as `ratio` times the input. The first blocks give
        less than came in, and the end gives the rest.

        Args:
            blocks: as `audio` of `upsample`, of any lengths, at `input_rate`.

        Yields:
            float32 [time] or [time, channels] at `output_rate`, whenever some is ready.

        Raises:
            UserError: the model wants whole recordings.

        >>> import numpy as np, tfsr
        >>> blocks = np.split(np.zeros(1600), 10)
        >>> sum(len(wide) for wide in tfsr.load("telephony-8k-16k").stream(blocks))
        3200
        """
        return streams.stream(self._streams, blocks)

    def save(self, folder: str | os.PathLike) -> None:
        """Write the model as a folder that `tfsr.load` opens.

        Raises:
            UserError: the folder holds something, or the model is an exported file.
        """
        from tfsr.model_files import save

        save(self, folder)


def request_for(
    model: Model, bandwidth: float | None = None, keep_low_band: bool = True, seed: int = 0
) -> Request:
    """For one model; the arguments are those of `Model.upsample`."""
    return Request(
        load=lambda _: model.backend,
        system=model.name,
        bandwidth_hz=bandwidth,
        keep_low_band=keep_low_band,
        seed=seed,
    )


def upsample_samples(request: Request, audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Upsample a recording in memory, as `Request.upsample` does files.

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
