"""The class of protocols, and parts that several of them share."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from tfsr.data.recordings import Recording
from tfsr.degradation.band_limit import BandLimit
from tfsr.degradation.base import Degradation
from tfsr.degradation.effects import CutOff
from tfsr.degradation.lowpass import LowPass
from tfsr.errors import UserError
from tfsr.evaluation.metrics import Lsd, Metric, SegmentalSnr, Snr, uses_cutoff
from tfsr.evaluation.test_set import Degraded, Preparation
from tfsr.optional_imports import available
from tfsr.signal.interpolation import Flat, Interpolates, Linear, Spline
from tfsr.signal.sinc_hann import SincHann


@dataclasses.dataclass(frozen=True)
class Protocol:
    """One convention.

    Args:
        name: its name for users.
        source: its origin.
        metrics: column -> metric.
        baselines: label -> interpolation; pages show the first.
        degradation: makes the low-rate signals; None: that of the evaluated run.
        preparation: of the references.
        output_rate: the only one it is made for, in Hz; None: any.
        draws: number of draws for an upsampler that uses noise; its scores are averaged.
        by_speaker: whether means are first over the files of a speaker, then over speakers.
        pcm16: whether the compared signals have been written to files of 16 bits; "truncated":
            samples are rounded towards 0, and the smallest is -1.
        fitting: more metrics, from (input_rate, output_rate, frame_rate), see `fitted`.
        originals: whether the references are in the tables too, as if a system had made them.
        cutoff_hz: the end of its inputs' band; None: half of the input rate.
    """

    name: str
    source: str
    metrics: Mapping[str, Metric]
    baselines: Mapping[str, Interpolates]
    degradation: Degradation | None = None
    preparation: Preparation = Preparation()
    output_rate: int | None = None
    draws: int = 1
    by_speaker: bool = False
    pcm16: bool | Literal["truncated"] = False
    fitting: Callable[[int, int, float | None], Mapping[str, Metric]] | None = None
    originals: bool = False
    cutoff_hz: float | None = None

    @property
    def needing_cutoff(self) -> tuple[str, ...]:
        """The columns that depend on the end of the input's band, unless the protocol fixes it."""
        if self.cutoff_hz is not None:
            return ()
        return tuple(column for column, metric in self.metrics.items() if uses_cutoff(metric))

    def without(self, columns: Sequence[str]) -> "Protocol":
        """The protocol without some of its columns."""
        metrics = {name: metric for name, metric in self.metrics.items() if name not in columns}
        return dataclasses.replace(self, metrics=metrics)

    def check_rate(self, output_rate: int) -> None:
        """Raise UserError unless this protocol is made for an output rate in Hz."""
        if self.output_rate not in (None, output_rate):
            raise UserError(
                f"protocol {self.name} is made for {self.output_rate} Hz, "
                f"but these signals are at {output_rate} Hz: choose another, such as tfsr"
            )

    def fitted(self, input_rate: int, output_rate: int, frame_rate: float | None) -> "Protocol":
        """With the metrics that depend on a system's rates and `Upsampler.frame_rate`, in Hz."""
        if not self.fitting:
            return self
        metrics = {**self.metrics, **self.fitting(input_rate, output_rate, frame_rate)}
        return dataclasses.replace(self, metrics=metrics, fitting=None)

    def test_set(
        self, recordings: Sequence[Recording], degradation: Degradation, seed: int = 0
    ) -> Degraded:
        """Prepared recordings, at least one.

        Args:
            degradation: makes the low-rate signals if the protocol does not define how.
            seed: see `Degraded`.
        """
        return Degraded(recordings, self.degradation or degradation, self.preparation, seed)

    def scores(
        self, high: np.ndarray, estimate: np.ndarray, input_rate: int, output_rate: int
    ) -> dict[str, float]:
        """Every column for an estimate of `high`, both [time] at `output_rate`.

        Columns whose package is not installed are left out.
        """
        if self.pcm16:
            high, estimate = (self._from_pcm16(signal) for signal in (high, estimate))
        cutoff_hz = input_rate / 2 if self.cutoff_hz is None else self.cutoff_hz
        return {
            column: metric(high, estimate, output_rate, cutoff_hz)
            for column, metric in self._available.items()
        }

    def _from_pcm16(self, signal: np.ndarray) -> np.ndarray:
        """The signal after a file of 16 bits, by libsndfile's factors, in float32 as usual."""
        scaled = np.asarray(signal, np.float32) * 32767
        if self.pcm16 == "truncated":
            return np.trunc(np.clip(scaled, -32767, 32767)) / 32768
        return np.clip(np.round(scaled), -32768, 32767) / 32768

    @functools.cached_property
    def _available(self) -> Mapping[str, Metric]:
        return available(self.metrics)


def columns(snr: Snr, lsd: Lsd) -> dict[str, Metric]:
    """The columns of super-resolution, in a protocol's own convention."""
    return {
        "SNR": snr,
        "segSNR": SegmentalSnr(snr),
        "LSD": lsd,
        "LSD-high": dataclasses.replace(lsd, band="high"),
        "LSD-low": dataclasses.replace(lsd, band="low"),
    }


def interpolations(spline: Spline = Spline(), linear: Linear = Linear()) -> dict[str, Interpolates]:
    """The baselines beside an estimate at a higher rate, the spline first, as in the source."""
    return {"spline": spline, "linear": linear, "sinc": SincHann()}


def at_one_rate(
    protocol: Protocol, khz: Sequence[int], *filters: LowPass, label: str = "unprocessed"
) -> tuple[Protocol, ...]:
    """A protocol's variants for systems whose input is at the output rate.

    Args:
        protocol: for systems of two rates.
        khz: the rates of the input before.
        filters: remove what these rates cannot carry.
        label: the table's name for the unchanged input.
    """
    return tuple(
        dataclasses.replace(
            protocol,
            name=f"{protocol.name}_{rate}k",
            source=f"{protocol.source} For systems whose input is at the output rate, after it was "
            f"at {rate} kHz.",
            baselines={label: Flat()},
            degradation=BandLimit(CutOff(500 * rate, filters)),
            cutoff_hz=500.0 * rate,
        )
        for rate in khz
    )
