"""Distances of phases; the recorded ones are compared with AP-BWE's protocol."""

import numpy as np
import pytest

from tfsr.evaluation.phase_metrics import PhaseDistance

KINDS = ("phase", "group_delay", "angular_frequency")


def distance(of: str, reference: np.ndarray, estimate: np.ndarray) -> float:
    return PhaseDistance(of)(reference, estimate, 16000, 4000.0)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples)


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("samples", [1, 700, 4000])
def test_a_signal_is_not_apart_from_itself(of, samples):
    assert distance(of, noise(samples), noise(samples)) == 0


@pytest.mark.parametrize("of", KINDS)
def test_a_louder_signal_has_the_same_phases(of):
    assert distance(of, noise(4000), 3 * noise(4000)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("of", "share"), [("phase", 1), ("group_delay", 1 / 1025), ("angular_frequency", 1 / 41)]
)
def test_an_inverted_signal_is_half_a_turn_away(of, share):
    """Of changes, only those from 0 to the first bin of 1025, or to the first frame of 41."""
    x = noise(40 * 512)
    assert distance(of, x, -x) / np.pi == pytest.approx(share, abs=1e-6)


def test_unrelated_phases_are_as_far_as_chance_has_it():
    found = distance("phase", noise(60000), noise(60000, seed=1))
    assert found == pytest.approx(np.pi / np.sqrt(3), rel=0.01)
