from pathlib import Path

import numpy as np
import pytest

from tfsr.errors import UserError
from tfsr.signal.noise_schedule import NoiseSchedule, linear_schedule

FIXTURES = Path(__file__).parents[1] / "fixtures"
BOTH = pytest.mark.parametrize(
    ("make", "name"), [(linear_schedule, "train"), (NoiseSchedule, "infer")]
)


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "nuwave_schedules.npz")


@BOTH
def test_float32_equals_the_recorded_tables(recorded, make, name):
    schedule = make(float32=True)
    sampling = schedule.sampling()
    for values, key in [
        (schedule.betas, "betas"),
        (schedule.levels, "sqrt_alphas_cumprod_prev"),
        (sampling.from_signal, "sqrt_recip_alphas_cumprod"),
        (sampling.from_noise, "sqrt_alphas_cumprod_m1"),
        (sampling.c1, "posterior_mean_coef1"),
        (sampling.c2, "posterior_mean_coef2"),
    ]:
        np.testing.assert_allclose(values, recorded[f"{name}/{key}"], rtol=5e-7, err_msg=key)
    deviations = np.exp(0.5 * recorded[f"{name}/posterior_log_variance_clipped"])
    np.testing.assert_allclose(sampling.std[1:], deviations[1:], rtol=2e-6)
    assert {values.dtype for values in (schedule.levels, *sampling)} == {np.dtype("float32")}


def test_eight_steps_are_the_published_ones():
    schedule = NoiseSchedule()
    assert schedule.steps == 8
    np.testing.assert_allclose(
        schedule.levels,
        [1, 0.9999995, 0.9999985, 0.9999935, 0.9999435, 0.9994434, 0.9944336, 0.9434025, 0.2983301],
        atol=5e-8,
    )
    std = [0, 8.165e-4, 1.5191e-3, 3.3918e-3, 1.00771e-2, 3.1661e-2, 0.100465, 0.329642]
    np.testing.assert_allclose(schedule.sampling().std, std, rtol=1e-4)


def test_a_thousand_steps_train():
    schedule = linear_schedule()
    assert schedule.steps == 1000 and len(schedule.levels) == 1001
    np.testing.assert_allclose(
        schedule.levels[[1, 500, 1000]], [0.9999995, 0.6871604, 0.2224037], atol=5e-7
    )


def test_float32_is_too_quiet_and_float64_is_not():
    np.testing.assert_allclose(NoiseSchedule(float32=True).sampling().c1[0], 0.986895, rtol=1e-6)
    c1 = NoiseSchedule().sampling().c1
    np.testing.assert_allclose(c1[:3], [1, 2 / 3, 10 / 13], rtol=1e-5)


@BOTH
def test_a_step_is_that_of_the_papers_algorithm(make, name):
    """(y - (1 - alpha) / sqrt(1 - alpha bar) * e) / sqrt(alpha)."""
    schedule = make()
    betas, sampling, noise_left = np.array(schedule.betas), schedule.sampling(), schedule.levels[1:]
    of_y = sampling.c1 * sampling.from_signal + sampling.c2
    of_e = -sampling.c1 * sampling.from_noise
    np.testing.assert_allclose(of_y, 1 / np.sqrt(1 - betas), rtol=1e-9)
    expected = -betas / np.sqrt(1 - noise_left**2) / np.sqrt(1 - betas)
    np.testing.assert_allclose(of_e, expected, rtol=1e-8)


@BOTH
def test_a_known_signal_is_kept_at_its_level_with_the_noise_of_the_step(make, name):
    """Sampling with the true signal goes backwards through the levels."""
    schedule = make()
    levels, sampling = schedule.levels, schedule.sampling()
    signal = sampling.c1 + sampling.c2 * levels[1:]
    noise = np.sqrt(sampling.c2**2 * (1 - levels[1:] ** 2) + sampling.std**2)
    np.testing.assert_allclose(signal, levels[:-1], rtol=1e-8)
    np.testing.assert_allclose(noise, np.sqrt(1 - levels[:-1] ** 2), rtol=1e-6)


def test_the_first_step_ends_without_noise():
    sampling = NoiseSchedule([0.1, 0.9]).sampling()
    assert (sampling.c2[0], sampling.std[0]) == (0, 0)
    np.testing.assert_allclose(sampling.c1[0], 1)


def test_levels_between_two_steps_equal_the_recorded_ones(recorded):
    levels = linear_schedule(float32=True).levels
    step, share = recorded["cont/step"], recorded["cont/rand"]
    between = levels[step - 1] * share + levels[step] * (1 - share)
    np.testing.assert_allclose(between, recorded["cont/noise_level"][:, 0], rtol=2e-7)


@pytest.mark.parametrize("beta", [0.0, -0.1, 1.0, 1.5, float("nan"), 1e-20])
def test_betas_outside_of_their_range_are_refused(beta):
    with pytest.raises(UserError, match=f"^NoiseSchedule.betas has {beta}: choose .*$"):
        NoiseSchedule((0.1, beta, 0.9))


def test_betas_are_refused_where_none_or_nothing_of_the_signal_is_left():
    with pytest.raises(UserError, match="is empty"):
        NoiseSchedule(())
    with pytest.raises(UserError, match="leave nothing of the signal .*: choose fewer"):
        linear_schedule(last=0.9)


def test_schedules_are_values():
    assert NoiseSchedule([0.1, 0.9]) == NoiseSchedule((0.1, 0.9))
    assert hash(NoiseSchedule()) == hash(NoiseSchedule())
