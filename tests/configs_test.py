"""The contract, on every system: build, train, resume, upsample, cut up (export/ has the rest).

The configurations in folders below differ from these in data, sizes and weights of losses: they are
built and trained for one step.
"""

import fnmatch
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr import model_folder
from tfsr.description.describe import describe
from tfsr.inference.chunks import upsample_array
from tfsr.training import distribution, loop
from tfsr.training.checkpoints import Checkpoints, restore

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "configs").glob("**/*.gin")
    if path.parent.name != "data"  # they are parts of the others
)
FOLDERS = itertools.groupby((c for c in CONFIGS if c.count("/") > 1), os.path.dirname)
# The first of each folder, and those that differ little from it.
VARIANTS = [
    pytest.param(config, marks=pytest.mark.long if number else ())
    for _, configs in FOLDERS
    for number, config in enumerate(configs)
]


def weights(upsampler) -> list[np.ndarray]:
    upsampler.reset_metrics()
    return [weight.numpy() for weight in upsampler.weights]


def by_reference(upsampler) -> dict:
    return {weight.ref(): weight.numpy() for weight in upsampler.weights}


@pytest.mark.usefixtures("without_pictures")
def test_the_contract(system, build, tmp_path):
    distribution.keep_sums_of_two()
    strategy = tf.distribute.get_strategy()
    trained = build(system, steps=4)
    before = by_reference(trained.upsampler)
    loop.train(trained, tmp_path / "whole", strategy)
    assert_trained(trained.upsampler, before)
    assert_the_second_half_again_ends_alike(trained, tmp_path / "whole" / "checkpoints")

    upsampler = build(system, steps=4).upsampler
    restore(upsampler, tmp_path / "whole")
    assert_chunks_equal_the_whole(upsampler)
    assert_chunks_begin_with_frames(upsampler)
    assert_saved_and_opened_alike(upsampler, tmp_path / "saved")


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_step(variant, build, tmp_path):
    built = build(variant, steps=1)
    upsampler, before = built.upsampler, by_reference(built.upsampler)
    upsampler.compile()
    (batch,) = built.data.batches(0, 1, per_step=upsampler.batches_per_step)
    losses = upsampler.train_step(batch)
    assert all(np.isfinite(loss) for loss in losses.values())
    assert_trained(upsampler, before)
    assert_saved_and_opened_alike(upsampler, tmp_path / "saved")


def assert_trained(upsampler, before: dict):
    """Something has moved in every update; an interpolation has none."""
    for update in upsampler.updates:
        assert any(np.any(v.numpy() != before[v.ref()]) for v in update.variables)


def assert_chunks_begin_with_frames(upsampler):
    if upsampler.frame_rate:
        assert (upsampler.hop * upsampler.frame_rate / upsampler.input_rate).is_integer()


def assert_the_second_half_again_ends_alike(trained, checkpoints: Path):
    """A checkpoint holds all that the steps after it depend on."""
    upsampler = trained.upsampler
    if not upsampler.updates:
        return
    ended = weights(upsampler)
    for path in checkpoints.glob("step-[34].*"):
        path.unlink()
    assert Checkpoints(checkpoints, upsampler).restore(checkpoints, for_training=True) == 2
    batches = trained.data.batches(2, 4, per_step=upsampler.batches_per_step)
    upsampler.fit(batches, verbose=0)
    for a, b in zip(ended, weights(upsampler), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_chunks_equal_the_whole(upsampler):
    samples = 4 * (upsampler.receptive_field + upsampler.hop) + 7
    low = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    whole = upsample_array(upsampler, low)
    assert whole.shape == (upsampler.ratio * samples,)
    chunked = upsample_array(upsampler, low, chunk=upsampler.receptive_field)
    np.testing.assert_allclose(chunked, whole, atol=1e-5)


def assert_saved_and_opened_alike(upsampler, folder: Path):
    """To save and to load are inverse: the same outputs, bit for bit, and the same description."""
    upsampler.save(folder)
    opened = model_folder.load(folder)
    assert describe(opened) == describe(upsampler)
    random = np.random.default_rng(0)
    low = np.float32(random.normal(0, 0.1, [2, 3 * upsampler.hop + 5]))
    noise = np.float32(random.normal(size=[opened.noise_steps, 2, opened.ratio * low.shape[1]]))
    np.testing.assert_array_equal(opened.upsample(low, noise), upsampler.upsample(low, noise))


def test_every_configuration_says_how_small_it_can_be(tiny):
    for config in CONFIGS:
        assert len([pattern for pattern in tiny if fnmatch.fnmatch(config, pattern)]) == 1, config
    for pattern in tiny:
        assert fnmatch.filter(CONFIGS, pattern), pattern
