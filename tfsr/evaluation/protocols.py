"""The conventions by which published figures were computed, under their names.

Nothing but a protocol decides which reference an estimate is compared with, how the low-rate
signal was made, which interpolations stand beside it and what the columns mean.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfsr.data.recordings import Recording
from tfsr.degradation.band_limit import BandLimit
from tfsr.degradation.base import Degradation
from tfsr.degradation.chain import Chain
from tfsr.degradation.codec import G711, Gsm
from tfsr.degradation.decimation import Decimate, SincHannDecimation
from tfsr.degradation.effects import ClipAbsolute, CutOff
from tfsr.degradation.lowpass import BrickWall, Butterworth, Chebyshev, SincHannResampling
from tfsr.errors import UserError
from tfsr.evaluation.metrics import LowBandSnr, Lsd, Metric, SegmentalSnr, Snr
from tfsr.evaluation.perceptual import DistillMos, DnsmosP808, PesqWideband, Stoi, VisqolAudio
from tfsr.evaluation.phase_metrics import PhaseDistance
from tfsr.evaluation.restoration_metrics import Aligned, SiSdr, SiSpec, Ssim
from tfsr.evaluation.test_set import Degraded, Preparation
from tfsr.evaluation.texture import of_upper_band
from tfsr.optional_imports import available
from tfsr.signal import sinc_hann
from tfsr.signal.interpolation import Flat, Interpolates, Linear, Spline
from tfsr.signal.windowed_sinc import WindowedSinc


@dataclasses.dataclass(frozen=True)
class Protocol:
    """One convention.

    Args:
        name: what users call it.
        source: where it comes from.
        metrics: column -> metric.
        baselines: label -> interpolation; the first is the one that pages show.
        degradation: makes the low-rate signals; None: that of the evaluated run.
        preparation: of the references.
        output_rate: the only one it is made for, in Hz; None: any.
        draws: how often an upsampler that draws noise is asked; its scores are averaged.
        by_speaker: whether means are first over the files of a speaker, then over speakers.
        pcm16: whether what is compared has been written to files of 16 bits.
        fitting: more metrics, of (input_rate, output_rate, frame_rate), see `fitted`.
        originals: whether the references stand in the tables too, as if a system had made them.
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
    pcm16: bool = False
    fitting: Callable[[int, int, float | None], Mapping[str, Metric]] | None = None
    originals: bool = False

    def check_rate(self, output_rate: int) -> None:
        """Raise UserError unless this protocol is made for an output rate in Hz."""
        if self.output_rate not in (None, output_rate):
            raise UserError(
                f"protocol {self.name} is made for {self.output_rate} Hz, "
                f"the upsampler gives {output_rate} Hz: choose another protocol, such as tfsr"
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
        """Recordings as this protocol wants them, at least one.

        Args:
            degradation: makes the low-rate signals where the protocol leaves that open.
            seed: see `Degraded`.
        """
        return Degraded(recordings, self.degradation or degradation, self.preparation, seed)

    def scores(
        self, high: np.ndarray, estimate: np.ndarray, input_rate: int, output_rate: int
    ) -> dict[str, float]:
        """Every column for an estimate of `high`, both [time] at `output_rate`.

        Columns that need a package which is not installed are left out.
        """
        if self.pcm16:
            high, estimate = _from_pcm16(high), _from_pcm16(estimate)
        return {
            column: metric(high, estimate, output_rate, input_rate / 2)
            for column, metric in self._available.items()
        }

    @functools.cached_property
    def _available(self) -> Mapping[str, Metric]:
        return available(self.metrics)


def named(name: str) -> Protocol:
    """A protocol by its name; UserError that lists them where there is none."""
    if name not in PROTOCOLS:
        raise UserError(f"unknown protocol {name}: choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def _from_pcm16(signal: np.ndarray) -> np.ndarray:
    """What a file of 16 bits gives back, by libsndfile's factors."""
    return np.clip(np.round(np.asarray(signal, np.float64) * 32767), -32768, 32767) / 32768


def _columns(snr: Snr, lsd: Lsd) -> dict[str, Metric]:
    """The columns that every protocol has, in its own convention."""
    return {
        "SNR": snr,
        "segSNR": SegmentalSnr(snr),
        "LSD": lsd,
        "LSD-high": dataclasses.replace(lsd, band="high"),
        "LSD-low": dataclasses.replace(lsd, band="low"),
    }


def _interpolations(
    spline: Spline = Spline(), linear: Linear = Linear()
) -> dict[str, Interpolates]:
    """What stands beside an estimate at a higher rate, the spline first, as the source had them."""
    return {"spline": spline, "linear": linear, "sinc": sinc_hann.SincHann()}


_KULESHOV = Protocol(
    "kuleshov2017",
    "Kuleshov, Enam, Ermon 2017, Audio super-resolution using neural networks, and their program: "
    "natural logarithm, root over time and mean over frequency, at most 10. They averaged the SNR "
    "over patches of 8192 samples (segSNR here).",
    _columns(
        Snr(error_power=1e-6, ratio_offset=1e-8),
        Lsd(base=math.e, floor=0.0, offset=1e-8, axes="swapped", cap=10.0),
    ),
    _interpolations(Spline("not_a_knot")),
    degradation=Decimate(Chebyshev()),
)

_NUWAVE = Protocol(
    "nuwave",
    "Lee and Han 2021, NU-Wave: 48 kHz, references trimmed at 15 dB and brought to a peak of 1. "
    "The SNR is that of their erratum, twice the figures in the paper's table. Noise is drawn five "
    "times.",
    _columns(Snr(smallest_error=1e-8), Lsd()),
    _interpolations(linear=Linear(half_pixel=True)),
    degradation=Decimate(BrickWall()),
    preparation=Preparation(trim_db=15.0, peak=True, shortest=32768),
    output_rate=48000,
    draws=5,
)

_KING = Protocol(
    "king2021",
    "King et al. 2021, and their program: causal Butterworth filter whose delay counts as error, "
    "LSD with SciPy's default STFT, root over time and mean over frequency. They worked at 12 kHz.",
    _columns(Snr(), Lsd(n_fft=256, hop_length=128, floor=0.0, axes="swapped", padding="zeros")),
    _interpolations(Spline("not_a_knot")),
    degradation=Decimate(Butterworth()),
)

_TFSR = Protocol(
    "tfsr",
    "The formulas of the papers: decadic logarithm, root over frequency and mean over time, with "
    "the degradation that the upsampler was trained for. SNR-low: below 0.9 of the cut-off. "
    "LTAS-high: the log-spectral distance of long-term average spectra.",
    _columns(Snr(), Lsd())
    | {
        "SNR-low": LowBandSnr(),
        "LTAS-high": Lsd(band="high", long_term=True),
        "PESQ": PesqWideband(),
    },
    _interpolations(),
)

_CALLS = {"": (), "_g711": (G711(),), "_gsm": (Gsm(),)}

_TELEPHONY = tuple(
    dataclasses.replace(
        _TFSR,
        name=f"telephony{suffix}",
        source="As tfsr, on speech that was filtered and decimated as Kuleshov et al. 2017 do"
        + "".join(f" and has been through {type(codec).__name__}" for codec in codecs),
        metrics={**_TFSR.metrics, "STOI": Stoi()},
        degradation=Chain((Decimate(), *codecs)),
    )
    for suffix, codecs in _CALLS.items()
)

# Keeps the band up to 0.99 of the low Nyquist frequency.
_STEEP = WindowedSinc(reach=320)

_PERCEIVED = Protocol(
    "perceived",
    "How it sounds, by models of listeners: DistillMOS, ViSQOL (audio), DNSMOS P.808 and PESQ. "
    "And what they object to in the band that was made: its buzz at the frame rate, and its level "
    "in all, loud and quiet frames, in dB against the original's. 16 bits, with the degradation "
    "that the upsampler was trained for; beside it nothing, which is the input merely resampled, "
    "and the originals themselves.",
    {
        "DistillMOS": DistillMos(),
        "ViSQOL": VisqolAudio(),
        "DNSMOS": DnsmosP808(),
        "PESQ": PesqWideband(),
        "LSD": Lsd(),
    },
    {"nothing": _STEEP, "spline": Spline()},
    pcm16=True,
    fitting=of_upper_band,
    originals=True,
)

_PHASE = {
    "IP": PhaseDistance(),
    "GD": PhaseDistance("group_delay"),
    "IAF": PhaseDistance("angular_frequency"),
}

_APBWE = Protocol(
    "apbwe",
    "Lu, Ai, Du and Ling 2024, AP-BWE, and their program: torchaudio's windowed sinc, untrimmed "
    "recordings, 16 bits. IP, GD and IAF are distances of phases. They report ViSQOL besides. "
    "Their estimates end with the last whole 80 samples, and so did what they compared.",
    _columns(Snr(smallest_error=1e-8), Lsd()) | _PHASE,
    {"sinc": sinc_hann.SincHann(), "spline": Spline(), "linear": Linear()},
    degradation=SincHannDecimation(),
    pcm16=True,
)

_APBWE_AT_ONE_RATE = tuple(
    dataclasses.replace(
        _APBWE,
        name=f"apbwe_{khz}k",
        source=f"{_APBWE.source} For systems whose input is at the output rate, after it was at "
        f"{khz} kHz.",
        metrics={"SNR": Snr(smallest_error=1e-8), "LSD": Lsd(), **_PHASE},
        baselines={"sinc": Flat()},
        degradation=BandLimit(CutOff(500 * khz, (SincHannResampling(),))),
    )
    for khz in (2, 4, 8, 12, 16, 24)
)

_RESTORATION: dict[str, Metric] = {
    "PESQ": PesqWideband(),
    "STOI": Stoi(),
    "SI-SNR": SiSdr(),
    "SSIM": Ssim(),
    "LSD": Lsd(2048, 441, ratio_offset=1e-12, sizes_at=44100),
}

_VOICEFIXER = Protocol(
    "voicefixer",
    "Liu et al. 2022, VoiceFixer: restoration at 44.1 kHz, with the degradation that the system "
    "was trained for. The paper's figures are not aligned; beside them are those after a shift of "
    "at most 50 ms, for a vocoder's delay changes most of them.",
    {
        **_RESTORATION,
        "SiSpec": SiSpec(),
        "log-SiSpec": SiSpec(log=True),
        **{f"{column}-aligned": Aligned(metric) for column, metric in _RESTORATION.items()},
    },
    {"unprocessed": Flat()},
    output_rate=44100,
)

_DECLI = tuple(
    dataclasses.replace(
        _VOICEFIXER,
        name=f"decli_{percent}",
        source=f"Liu et al. 2022, VoiceFixer: speech with a peak of 1, clipped at {percent} % "
        "of that.",
        degradation=ClipAbsolute((percent / 100, percent / 100)),
        preparation=Preparation(peak=True),
    )
    for percent in (10, 25, 50)
)

_SSR_EVAL = tuple(
    Protocol(
        f"ssr_eval_{2 * khz}k",
        f"Liu et al. 2022, NVSR, and their program ssr_eval: 44.1 kHz without what {2 * khz} kHz "
        "cannot carry, for systems whose input is at the output rate. They averaged the means of "
        "speakers.",
        {
            "LSD": _RESTORATION["LSD"],
            "log-SiSpec": SiSpec(log=True, floor=0.0, offset=1e-12),
            "SiSpec": SiSpec(),
            "SSIM": _RESTORATION["SSIM"],
        },
        {"unprocessed": Flat()},
        by_speaker=True,
        degradation=BandLimit(CutOff(1000 * khz, (BrickWall(2048, 441, append=False),))),
        output_rate=44100,
    )
    for khz in (1, 2, 4, 6, 8, 12, 16)
)

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        *(_KULESHOV, _NUWAVE, _KING, _TFSR, *_TELEPHONY, _PERCEIVED, _APBWE, *_APBWE_AT_ONE_RATE),
        *(_VOICEFIXER, *_DECLI, *_SSR_EVAL),
    )
}
