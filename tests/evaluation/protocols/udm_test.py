import numpy as np
import pytest

from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.upsamplers.interpolation import Interpolation

# Ratio -> LSD, and of the bins below the cut-off.
EXPECTED = {
    "udm": {2: (3.12537, 0.73627), 3: (3.92889, 0.91332), 6: (4.85299, 0.65845)},
    "udm_stft": {2: (3.11075, 0.59940), 3: (3.91337, 0.69535), 6: (4.84703, 0.46723)},
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_sinc_equals_kazanes(name, ratio, sound, item):
    protocol, rates = PROTOCOLS[name], (48000 // ratio, 48000)
    made = item(name, sound(30001, 2), *rates)
    sinc = Interpolation(*rates, protocol.baselines["sinc"])
    estimate = sinc.upsample(made.low[np.newaxis])[0].numpy()
    scores = protocol.scores(made.high, estimate, *rates)
    expected = pytest.approx(EXPECTED[name][ratio], abs=1e-5)
    assert (scores["LSD"], scores["LSD-low"]) == expected


def test_recordings_are_taken_as_they_are_but_for_a_last_incomplete_sample(sound, item):
    signal = sound(30001, 2)
    np.testing.assert_array_equal(item("udm", signal, 24000).high, signal[:30000])
