"""This package's own protocols: formulas of the papers, and perceived quality."""

import dataclasses

from tfsr.degradation.chain import Chain
from tfsr.degradation.codec import G711, Gsm
from tfsr.degradation.decimation import Decimate
from tfsr.evaluation.metrics import LowBandSnr, Lsd, Snr
from tfsr.evaluation.perceptual import DistillMos, DnsmosP808, PesqWideband, Stoi, VisqolAudio
from tfsr.evaluation.protocols.protocol import Protocol, columns, interpolations
from tfsr.evaluation.restoration_metrics import SiSdr
from tfsr.evaluation.texture import of_upper_band
from tfsr.signal.interpolation import Flat, Spline
from tfsr.signal.windowed_sinc import WindowedSinc

_TFSR = Protocol(
    "tfsr",
    "The formulas of the papers: decadic logarithm, root over frequency and mean over time, with "
    "the degradation that the upsampler was trained for. SNR-low: below 0.9 of the cut-off. "
    "LTAS-high: the log-spectral distance of long-term average spectra.",
    columns(Snr(), Lsd())
    | {
        "SNR-low": LowBandSnr(),
        "LTAS-high": Lsd(band="high", long_term=True),
        "PESQ": PesqWideband(),
    },
    interpolations(),
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

STEEP = WindowedSinc(reach=320)
"""A degradation that keeps the band up to 0.99 of the low Nyquist frequency."""

_PERCEIVED = Protocol(
    "perceived",
    "How it sounds, by models of listeners: DistillMOS, ViSQOL (audio), DNSMOS P.808, PESQ and "
    "STOI. And what they object to in the band that was made: its buzz at the frame rate, and its "
    "level in all, loud and quiet frames, in dB against the original's. 16 bits, with the "
    "degradation that the upsampler was trained for; beside it nothing, which is the input merely "
    "resampled, and the originals themselves.",
    {
        "DistillMOS": DistillMos(),
        "ViSQOL": VisqolAudio(),
        "DNSMOS": DnsmosP808(),
        "PESQ": PesqWideband(),
        "STOI": Stoi(),
        "LSD": Lsd(),
    },
    {"nothing": STEEP, "spline": Spline()},
    pcm16=True,
    fitting=of_upper_band,
    originals=True,
)

_RESTORATION = Protocol(
    "restoration",
    "Damaged speech, by models of listeners: DistillMOS, DNSMOS P.808, PESQ and STOI. And how far "
    "the signal is from the original: SDR, and SI-SDR, which forgives another level. 16 bits, with "
    "the damage that the system was trained for; beside it the unprocessed input, and the "
    "originals themselves.",
    {
        "DistillMOS": DistillMos(),
        "DNSMOS": DnsmosP808(),
        "PESQ": PesqWideband(),
        "STOI": Stoi(),
        "SDR": Snr(),
        "SI-SDR": SiSdr(),
    },
    {"unprocessed": Flat()},
    pcm16=True,
    originals=True,
)

PROTOCOLS = (_TFSR, *_TELEPHONY, _PERCEIVED, _RESTORATION)
