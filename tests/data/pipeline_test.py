import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr import audio_file
from tfsr.data.corpora import Folder
from tfsr.data.patch_positions import Order, Slots, slot_of
from tfsr.data.pipeline import Patches, patches_per_second
from tfsr.data.prepared import Prepared
from tfsr.data.recordings import FileRecording
from tfsr.data.shards import prepare
from tfsr.data.waveforms import Waveforms
from tfsr.degradation.base import Degradation
from tfsr.degradation.decimation import Decimate, Polyphase
from tfsr.degradation.lowpass import Butterworth, Chebyshev
from tfsr.errors import UserError

RATE = 8000
SPLITS = ("train", "validation", "test")
SECONDS = [0.9, 0.3, 0.02, 0.7, 0.128, 0.5]


def save(root, seconds=SECONDS, rate=RATE):
    """Noise in folders named as the splits."""
    rng = np.random.default_rng(1)
    for split in SPLITS:
        for number, length in enumerate(seconds):
            audio = rng.normal(0, 0.1, (int(length * rate), 1)).astype(np.float32)
            audio_file.write(root / split / f"{number}.wav", audio, rate, "FLOAT")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return save(tmp_path_factory.mktemp("corpus"))


@dataclass(frozen=True)
class Noisy(Degradation):
    """Decimation with random numbers, so that the generator counts."""

    def __call__(self, high, output_rate, input_rate, rng):
        ratio = output_rate // input_rate
        return high[::ratio] + rng.normal(0, 0.01, len(high[::ratio]))


def make(root, degradation=None, **settings):
    settings = {"patch": 256, "batch": 4} | settings
    degradation = degradation or Decimate()
    return Patches(Folder(root), degradation, RATE // 2, RATE, **settings)


def arrays(dataset):
    return [{key: value.numpy() for key, value in batch.items()} for batch in dataset]


def assert_equal(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        for key in ("low", "high", "seed"):
            np.testing.assert_array_equal(one[key], other[key])


def test_shapes_and_types(root):
    (batch,) = arrays(make(root).batches(0, 1))
    assert {key: (value.shape, value.dtype) for key, value in batch.items()} == {
        "low": ((4, 128), np.float32),
        "high": ((4, 256), np.float32),
        "seed": ((4, 2), np.int32),
    }
    specification = make(root).batches(0, 1).element_spec
    assert specification["low"].shape == [4, 128]
    assert batch["seed"].min() >= 0
    assert len(np.unique(batch["seed"])) == 8


@pytest.mark.parametrize("degradation", [Decimate(), Noisy()])
def test_a_batch_is_a_pure_function_of_seed_and_step(root, degradation):
    settings = {"gain": (0.5, 1.0)}
    whole = arrays(make(root, degradation, **settings).batches(0, 12))
    assert_equal(arrays(make(root, degradation, **settings).batches(9, 12)), whole[9:])
    other = arrays(make(root, degradation, seed=1, **settings).batches(0, 1))
    assert np.abs(other[0]["high"] - whole[0]["high"]).max() > 0.01
    assert np.abs(whole[0]["high"] - whole[1]["high"]).max() > 0.01


def test_workers_together_have_the_whole_batch(root):
    patches = make(root, Noisy())
    whole = arrays(patches.batches(3, 6))
    parts = [arrays(patches.batches(3, 6, shard, 2)) for shard in range(2)]
    joined = [
        {key: np.concatenate([left[key], right[key]]) for key in left}
        for left, right in zip(*parts, strict=True)
    ]
    assert_equal(joined, whole)
    with pytest.raises(UserError, match="a multiple of 3, the number of workers"):
        patches.batches(0, 1, 0, 3)


def test_a_step_of_several_batches_is_shared_like_one(root):
    """Every third example of the workers' slices makes what every third of the whole makes."""
    patches = make(root, batch=4)
    (whole,) = arrays(patches.batches(2, 3, per_step=3))
    assert whole["high"].shape[0] == 12
    parts = [arrays(patches.batches(2, 3, shard, 2, per_step=3))[0] for shard in range(2)]
    for number in range(3):
        joined = np.concatenate([part["high"][number::3] for part in parts])
        np.testing.assert_array_equal(joined, whole["high"][number::3])
    assert len(patches.names_of(2, per_step=3)) == 12


def test_a_distributed_dataset_gets_every_batch_once(root):
    patches = make(root)
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    distributed = strategy.experimental_distribute_dataset(patches.batches(0, 3))
    assert_equal(arrays(distributed), arrays(patches.batches(0, 3)))


def test_patches_are_slices_of_the_recordings(root):
    patches = make(root, batch=8)
    (batch,) = arrays(patches.batches(0, 1))
    names = patches.names_of(0)
    whole = {recording.name: recording.read(RATE) for recording in patches.recordings("train")}
    for name, high in zip(names, batch["high"], strict=True):
        if len(whole[name]) >= 256:
            windows = np.lib.stride_tricks.sliding_window_view(whole[name], 256)
            assert (windows == high).all(axis=1).any()


def test_every_epoch_visits_every_slot_once_in_its_own_order():
    for epoch in range(3):
        indices = range(epoch * 50, (epoch + 1) * 50)
        assert sorted(slot_of(5, 50, index) for index in indices) == list(range(50))
    orders = [[slot_of(seed, 50, index) for index in range(100)] for seed in (0, 1)]
    assert orders[0][:50] != orders[0][50:]
    assert orders[0] != orders[1]


def test_by_speaker_every_speaker_counts_alike():
    """However much there is of each; and in the end all of each is seen."""
    recordings = [
        FileRecording(f"{number}.wav", speaker, "train", RATE, samples, Path("."))
        for number, (speaker, samples) in enumerate(
            [("b", 640), ("a", 64), ("b", 130), ("c", 1000), ("a", 50)]
        )
    ]
    slots = Slots(recordings, RATE, 64)
    speakers = sorted({recording.speaker for recording in recordings})
    own = slots.of_speakers()
    assert [len(each) for each in own] == [2, 12, 15]
    assert sorted(np.concatenate(own)) == list(range(len(slots)))
    order = Order(slots, seed=3, by_speaker=True)
    epochs = max(map(len, own))
    seen = [order.slot(index) for index in range(epochs * len(speakers))]
    for epoch in np.split(np.array(seen), epochs):
        owners = [recordings[slots.recording(slot)].speaker for slot in epoch]
        assert sorted(owners) == speakers
    most = own[int(np.argmax([len(each) for each in own]))]
    assert sorted(set(seen) & set(most)) == sorted(most)
    assert seen == [order.slot(index) for index in range(len(seen))]
    assert seen != [Order(slots, 4, by_speaker=True).slot(index) for index in range(len(seen))]


def test_an_epoch_covers_every_part_about_once(root):
    recordings = make(root).recordings("train")
    slots = Slots(recordings, RATE, 256)
    rng = np.random.default_rng(0)
    longest = int(np.argmax([recording.samples for recording in recordings]))
    epochs = 400
    covered = np.zeros(recordings[longest].samples)
    for slot in range(len(slots)):
        if slots.recording(slot) != longest:
            continue
        for _ in range(epochs):
            start, length = slots.start(slot, rng.random())
            assert 0 <= start <= length - 256
            covered[start : start + 256] += 1
    interior = covered[256:-256] / epochs
    assert abs(interior.mean() - 1) < 0.06
    assert interior.min() > 0.8 and interior.max() < 1.25
    assert covered[0] > 0 and covered[-1] > 0


def test_the_ends_of_a_slot_stay_within_the_recording(root):
    slots = Slots(make(root).recordings("train"), RATE, 256)
    for slot in range(len(slots)):
        for point in (0.0, 0.5, np.nextafter(1, 0)):
            start, length = slots.start(slot, point)
            if length >= 256:
                assert 0 <= start <= length - 256
            else:
                assert length - 256 <= start <= 0


def test_short_recordings_are_padded_at_random(tmp_path):
    save(tmp_path, [0.02])
    patches = make(tmp_path, batch=16)
    (batch,) = arrays(patches.batches(0, 1))
    whole = patches.recordings("train")[0].read(RATE)
    starts = [int(np.flatnonzero(high)[0]) for high in batch["high"]]
    for start, high in zip(starts, batch["high"], strict=True):
        np.testing.assert_array_equal(high[start : start + len(whole)], whole)
        assert np.count_nonzero(high) == len(whole)
    assert len(set(starts)) > 8


@pytest.mark.parametrize(
    "degradation",
    [Decimate(Chebyshev()), Decimate(Butterworth()), Decimate(Chebyshev(zero_phase=False))],
)
def test_with_context_a_patch_is_a_slice_of_the_degraded_recording(tmp_path, degradation):
    save(tmp_path, [1.0])
    patches = make(tmp_path, degradation, batch=8)
    whole = patches.recordings("train")[0].read(RATE)
    windows = np.lib.stride_tricks.sliding_window_view(whole, 256)
    for batch in arrays(patches.batches(0, 2)):
        for low, high in zip(batch["low"], batch["high"], strict=True):
            start = int(np.flatnonzero((windows == high).all(axis=1))[0])
            # Decimation that begins with the phase of the patch.
            degraded = degradation(whole[start % 2 :], RATE, RATE // 2, None)
            # A recursive filter reaches the cut ends of the recording itself in both.
            first = start // 2
            np.testing.assert_allclose(low, degraded[first : first + 128], rtol=0, atol=1e-5)


def test_without_context_the_patch_is_degraded_alone(root):
    patches = make(root, Noisy())
    for batch in arrays(patches.batches(0, 2)):
        assert np.abs(batch["low"] - batch["high"][:, ::2]).max() < 0.08


def test_peak_normalisation_and_gain(root):
    plain = arrays(make(root).batches(0, 2))
    gains = []
    normal = make(root, peak_normalize=True)
    peaks = {
        recording.name: np.abs(recording.read(RATE)).max()
        for recording in normal.recordings("train")
    }
    loud = arrays(normal.batches(0, 2))
    softer = arrays(make(root, peak_normalize=True, gain=(0.5, 1.0)).batches(0, 2))
    for step in range(2):
        for k, name in enumerate(normal.names_of(step)):
            factor = 1 / peaks[name]
            np.testing.assert_allclose(
                loud[step]["high"][k], plain[step]["high"][k] * factor, rtol=1e-5
            )
            gains.append(np.abs(softer[step]["low"][k]).max() / np.abs(loud[step]["low"][k]).max())
    assert min(gains) >= 0.5 and max(gains) < 1
    assert np.ptp(gains) > 0.1


def test_validation_is_finite_and_always_the_same(root):
    first = arrays(make(root, Noisy(), validation_patches=10).validation())
    assert [len(batch["high"]) for batch in first] == [4, 4, 2]
    assert_equal(first, arrays(make(root, Noisy(), validation_patches=10, seed=9).validation()))
    everything = arrays(make(root, validation_patches=1000).validation())
    slots = Slots(make(root).recordings("validation"), RATE, 256)
    assert sum(len(batch["high"]) for batch in everything) == len(slots)


def test_validation_of_several_workers(root):
    patches = make(root, validation_patches=10)
    whole = np.concatenate([batch["high"] for batch in arrays(patches.validation())])
    parts = [
        np.concatenate([batch["high"] for batch in arrays(patches.validation(shard, 2))])
        for shard in range(2)
    ]
    np.testing.assert_array_equal(whole[0::2], parts[0])
    np.testing.assert_array_equal(whole[1::2], parts[1])


def test_a_corpus_without_validation(tmp_path):
    audio_file.write(tmp_path / "a.wav", np.zeros((900, 1), np.float32), RATE)
    assert arrays(make(tmp_path).validation()) == []


def test_a_prepared_corpus_gives_the_same_patches(root, tmp_path):
    prepare(Folder(root), tmp_path)
    files, prepared = make(root), make(root)
    prepared.corpus = Prepared(tmp_path)
    assert all(recording.seekable(RATE) for recording in prepared.recordings("train"))
    for one, other in zip(arrays(files.batches(0, 4)), arrays(prepared.batches(0, 4)), strict=True):
        np.testing.assert_allclose(one["high"], other["high"], rtol=0, atol=1 / 2**16)
    assert files.names_of(2) == prepared.names_of(2)


def test_a_cache_that_is_too_small_changes_nothing(root):
    assert_equal(arrays(make(root, cache_mb=0).batches(0, 3)), arrays(make(root).batches(0, 3)))


def test_the_cache_forgets_the_least_recently_used(root):
    first, second, third = make(root).recordings("train")[:3]
    room = 4 * (first.samples + second.samples) / 1e6
    waveforms = Waveforms(RATE, room)
    kept = waveforms.read(first)
    waveforms.read(second)
    assert np.shares_memory(waveforms.read(first), kept)
    waveforms.read(third)
    assert np.shares_memory(waveforms.read(first), kept)
    assert list(waveforms._kept) == [third.name, first.name]
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1


def test_recordings_that_cannot_be_decoded_are_replaced(tmp_path, caplog):
    save(tmp_path, [0.2, 0.2, 0.2])
    bad = np.full((1600, 1), np.nan, np.float32)
    audio_file.write(tmp_path / "train" / "1.wav", bad, RATE, "FLOAT")
    patches = make(tmp_path)
    with caplog.at_level(logging.WARNING, "tfsr"):
        batches = arrays(patches.batches(0, 6))
    assert np.isfinite([batch["high"] for batch in batches]).all()
    assert {name for step in range(6) for name in patches.names_of(step)} == {
        "train/0.wav",
        "train/2.wav",
    }
    assert len(caplog.messages) == 1 and "1.wav: a sample is NaN" in caplog.messages[0]
    assert_equal(arrays(make(tmp_path).batches(4, 6)), batches[4:])


def test_nothing_to_train_with(tmp_path):
    audio_file.write(tmp_path / "a.wav", np.full((900, 1), np.inf, np.float32), RATE, "FLOAT")
    with pytest.raises(UserError, match="no recording can be decoded"):
        make(tmp_path).batches(0, 1)
    (tmp_path / "manifest.jsonl").write_text("")
    patches = make(tmp_path)
    patches.corpus = Prepared(tmp_path)
    with pytest.raises(UserError, match="no recordings to train with"):
        patches.batches(0, 1)


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"patch": 257}, "multiple of the ratio 2"),
        ({"patch": 0}, "multiple of the ratio 2"),
        ({"batch": 0}, "`Patches.batch`: 0 does not fit"),
        ({"seed": -1}, "`Patches.seed`: -1 does not fit"),
        ({"cache_mb": -1}, "`Patches.cache_mb`: -1 does not fit"),
        ({"validation_patches": -3}, "`Patches.validation_patches`: -3 does not fit"),
        ({"gain": (2, 1)}, r"`Patches.gain`: \(2, 1\) does not fit; give two, the least first"),
    ],
)
def test_settings_out_of_range(root, settings, text):
    with pytest.raises(UserError, match=text):
        make(root, **settings)
    with pytest.raises(UserError, match="whole multiple"):
        Patches(Folder(root), Polyphase(), 3000, 8000)


def test_speed_is_measured(root):
    assert patches_per_second(make(root), 5) > 0


PROGRAM = """
import sys
sys.path.insert(0, {here!r})
from pipeline_test import make
iterator = iter(make({root!r}, batch=64).batches(0, 10000))
next(iterator)
print("leaving", flush=True)
raise ValueError
"""


def test_a_program_that_ends_with_an_iterator_at_work_does_not_hang(root, hangs):
    program = PROGRAM.format(here=os.path.dirname(__file__), root=str(root))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=hangs)
    assert done.stdout == "leaving\n"
    assert done.returncode == 1
