import numpy as np
import pytest

from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.evaluation.protocols.protocol import Protocol

BANDS = ("LSD-high", "LSD-low")


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("nuwave2", BANDS),
        ("tfsr", (*BANDS, "SNR-low", "LTAS-high")),
        ("nuwave2_8k", ()),
        ("voicefixer", ()),
        ("ssr_eval_8k", ()),
    ],
)
def test_columns_that_need_a_cutoff(name, columns):
    assert PROTOCOLS[name].needing_cutoff == columns


def test_buzz_needs_one_and_levels_of_bands_do_not():
    fitted = PROTOCOLS["perceived"].fitted(8000, 16000, 125)
    assert fitted.needing_cutoff == ("buzz",)


def test_a_plain_function_is_a_metric_too():
    protocol = Protocol("mine", "", {"cutoff": lambda high, estimate, rate, cutoff: cutoff}, {})
    assert protocol.needing_cutoff == ()
    assert protocol.scores(np.ones(8), np.ones(8), 8000, 16000) == {"cutoff": 4000}


@pytest.mark.parametrize("name", ["nuwave2", "flowhigh", "universr", "apbwe"])
def test_variants_at_one_rate_know_their_cutoff(name):
    for khz in (8, 24):
        variant = PROTOCOLS[f"{name}_{khz}k"]
        assert variant.cutoff_hz == 500 * khz
        assert variant.metrics == PROTOCOLS[name].metrics
        assert f"after it was at {khz} kHz" in variant.source
