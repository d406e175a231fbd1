import pytest

from tfsr.degradation.codec import Mp3
from tfsr.evaluation.protocols import PROTOCOLS

COLUMNS = ["LSD", "log-SiSpec", "SiSpec", "SSIM"]
EXPECTED = {
    "cheby3_2k": (10.54864, 0.54883, -2.19998, 0.21884),
    "cheby6_8k": (9.83983, 1.08681, 7.54746, 0.35315),
    "butter9_8k": (10.07110, 0.93514, 6.47589, 0.33793),
    "ellip6_8k": (10.20120, 0.64992, 7.05300, 0.34790),
    "bessel3_32k": (3.95686, 7.85039, 31.18823, 0.78207),
    "subsampling_8k": (5.60480, 5.09112, 5.89633, 0.33234),
}


@pytest.mark.parametrize("setting", EXPECTED)
def test_equals_the_authors_formulas(setting, sound, scores):
    made = scores(f"ssr_eval_{setting}", sound(30001, 6), 44100)
    assert list(made) == COLUMNS
    # Of what a resampler leaves where there was silence, in their float32.
    assert list(made.values()) == pytest.approx(EXPECTED[setting], abs=5e-5)


def test_all_average_speakers_and_say_what_they_are():
    settings = [p for name, p in PROTOCOLS.items() if name.startswith("ssr_eval_")]
    assert len(settings) == 7 * (1 + 4 * 3 + 1) + 5
    assert all(p.by_speaker and p.output_rate == 44100 for p in settings)
    assert len({p.source for p in settings}) == len({p.degradation for p in settings}) == 103


def test_fewer_bits_score_worse(sound, scores):
    assert PROTOCOLS["ssr_eval_mp3_48"].degradation == Mp3(48, 48000)
    few, many = (scores(f"ssr_eval_mp3_{bits}", sound(30001, 6), 44100) for bits in (32, 128))
    assert few["LSD"] > many["LSD"] and few["SiSpec"] < many["SiSpec"]
