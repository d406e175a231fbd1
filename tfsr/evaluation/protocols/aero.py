"""Protocol of AERO."""

from tfsr.degradation.decimation import SoxrDecimation
from tfsr.evaluation.metrics import Lsd, Snr
from tfsr.evaluation.perceptual import VisqolAudio, VisqolSpeech
from tfsr.evaluation.protocols.protocol import Protocol, columns, interpolations
from tfsr.evaluation.test_set import Preparation
from tfsr.signal.resample import soxr_hq

PROTOCOLS = (
    Protocol(
        "aero",
        "Mandel, Tal and Adi 2023, AERO, and their program (slp-rl/aero: src/metrics.py, "
        "data_prep/resample_data.py): both rates by SoX's effect rate, here by its library soxr at "
        "quality HQ, which gives the same within 5e-5. SoX adds dither of 16 bits, which is left "
        "out here, and makes the low rate of the original file, here it is made of the reference, "
        "which differs by 2e-4. ViSQOL in its mode for speech, at 16 kHz; they take the one for "
        "audio for music. What is too short for it counts in no mean.",
        {
            **columns(Snr(), Lsd()),
            "ViSQOL": VisqolSpeech(),
            "ViSQOL-audio": VisqolAudio(),
        },
        interpolations(),
        degradation=SoxrDecimation(),
        preparation=Preparation(resampling=soxr_hq),
    ),
)
