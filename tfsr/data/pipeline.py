"""From recordings to batches of patches, low and high."""

import functools
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfsr.arguments import COUNT, NOT_NEGATIVE, WHOLE, check
from tfsr.data.callback_guard import CALLBACKS
from tfsr.data.full_band import FullBand
from tfsr.data.patch_positions import Order, Slots
from tfsr.data.recordings import Corpus, Recording
from tfsr.data.waveforms import Waveforms
from tfsr.degradation.base import Degradation
from tfsr.errors import UserError
from tfsr.signal.resample import whole_ratio

# Which of the independent sequences of random numbers a generator is for.
_TRAIN_STREAM = 0
_VALIDATION_STREAM = 1

_RANGES = {
    **{"batch": COUNT, "seed": WHOLE, "cache_mb": NOT_NEGATIVE, "validation_patches": COUNT},
    "gain": NOT_NEGATIVE.of_pair(),
}


class Patches:
    """Random patches of a corpus with their degraded counterparts, in batches.

    A batch is a pure function of (`seed`, step). So no iterator state has to be saved. A run that
    resumes at any step sees the same batches as without the break. An epoch visits every part of
    the train recordings about once (`tfsr.data.patch_positions`). Recordings shorter than a patch
    are padded with zeros, a random share of them at the beginning. Files that cannot be decoded are
    skipped with a line each, and replaced by the next recording.

    If the degradation needs context, the patch is degraded together with the samples around it. At
    the ends of a recording there is less context. The patch is then cut out of the result.

    Args:
        corpus: a `tfsr.data.recordings.Corpus`.
        degradation: makes low from high.
        input_rate, output_rate: Hz of low and high; the second is a whole multiple of the first.
        patch: samples of high, a multiple of output_rate / input_rate.
        batch: number of patches in a step, over all workers.
        seed: of all random draws, at least 0.
        cache_mb: megabytes of decoded recordings to keep in memory. A corpus that does not fit
            should be prepared with `python -m tfsr.prepare` at `output_rate`.
        peak_normalize: divide by the largest absolute sample of the recording (NU-Wave).
        gain: None, or (least, most) of a random factor for every patch; NU-Wave has (0.5, 1.0).
        validation_patches: most patches, spread evenly over the validation recordings.
        by_speaker: every speaker counts equally, however much there is of each; an epoch then has
            one patch of every speaker.
        full_band: leave out recordings that do not fill the band of `output_rate`, see
            `tfsr.data.full_band`. Each is measured once, unless its corpus knows the band.

    Raises:
        UserError: a setting is out of range.
    """

    def __init__(
        self,
        corpus: Corpus,
        degradation: Degradation,
        input_rate: int,
        output_rate: int,
        patch: int = 8192,
        batch: int = 64,
        seed: int = 0,
        cache_mb: float = 2048,
        peak_normalize: bool = False,
        gain: tuple[float, float] | None = None,
        validation_patches: int = 64,
        by_speaker: bool = False,
        full_band: bool = True,
    ):
        check("Patches", locals(), _RANGES)
        self.ratio = whole_ratio(output_rate, input_rate)
        if patch < self.ratio or patch % self.ratio:
            raise UserError(
                f"Patches.patch is {patch}; it must be a multiple of the ratio {self.ratio}"
            )
        self.corpus = FullBand(corpus, output_rate) if full_band else corpus
        self.degradation = degradation
        self.input_rate = input_rate
        self.output_rate = output_rate
        self.patch = patch
        self.batch = batch
        self.seed = seed
        self._peak_normalize = peak_normalize
        self._gain = gain
        self._validation_patches = validation_patches
        self._by_speaker = by_speaker
        self._waveforms = Waveforms(output_rate, cache_mb)

    def recordings(self, split: str) -> list[Recording]:
        return self.corpus.recordings(split)

    def batches(
        self, start: int, stop: int, shard: int = 0, shards: int = 1, per_step: int = 1
    ) -> tf.data.Dataset:
        """The batches of steps [start, stop).

        Args:
            shard, shards: this worker's number and the number of workers; it gets its slice of
                every batch.
            per_step: number of batches that a step takes; they come as one.

        Returns:
            {"low": float32 [per_step * batch / shards, patch / ratio], "high": float32 [.., patch],
            "seed": int32 [.., 2], not negative, a function of the run's seed and the example}.

        Raises:
            UserError: no train recording can be decoded, `shards` does not divide the batch, or
                the degradation lacks something.
        """
        if self.batch % shards:
            raise UserError(
                f"Patches.batch is {self.batch}; it must be a multiple of {shards}, the number of "
                "workers"
            )
        self._usable_slot(self._train_slots, 0)
        self.degradation.check()
        share = per_step * self.batch // shards

        def indices(step: int) -> range:
            first = (step * shards + shard) * share
            return range(first, first + share)

        def examples(step: np.int64) -> tuple[np.ndarray, ...]:
            return _stack([self._train_example(index) for index in indices(int(step))])

        return self._dataset(tf.data.Dataset.range(start, stop), examples, share)

    def validation(self, shard: int = 0, shards: int = 1) -> tf.data.Dataset:
        """The validation patches in batches, always the same; the last batch may be smaller.

        It is empty if the corpus has no validation recordings. Several workers take turns.
        """
        slots = self._validation_slots[shard::shards]
        share = self.batch // shards
        groups = [slots[first : first + share] for first in range(0, len(slots), share)]

        def examples(number: np.int64) -> tuple[np.ndarray, ...]:
            return _stack([self._validation_example(slot) for slot in groups[int(number)]])

        return self._dataset(tf.data.Dataset.range(len(groups)), examples, None)

    def names_of(self, step: int, per_step: int = 1) -> list[str]:
        """The names of the recordings of a step's batches."""
        slots, examples = self._train_slots, per_step * self.batch
        indices = range(step * examples, (step + 1) * examples)
        used = [self._usable_slot(slots, self._order.slot(i)) for i in indices]
        return [slots.recordings[slots.recording(slot)].name for slot in used]

    def _dataset(
        self, numbers: tf.data.Dataset, examples: Callable, batch: int | None
    ) -> tf.data.Dataset:
        guarded = CALLBACKS.guard(examples)

        def to_tensors(number: tf.Tensor) -> dict[str, tf.Tensor]:
            types = (tf.float32, tf.float32, tf.int32)
            low, high, seed = tf.numpy_function(guarded, [number], types, stateful=False)
            return {
                "low": tf.ensure_shape(low, [batch, self.patch // self.ratio]),
                "high": tf.ensure_shape(high, [batch, self.patch]),
                "seed": tf.ensure_shape(seed, [batch, 2]),
            }

        options = tf.data.Options()
        # Workers have their own slices already.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        dataset = numbers.map(to_tensors, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)

    @functools.cached_property
    def _train_slots(self) -> Slots:
        recordings = self.recordings("train")
        if not recordings:
            raise UserError(f"{self.corpus.name}: no recordings to train with")
        return Slots(recordings, self.output_rate, self.patch)

    @functools.cached_property
    def _order(self) -> Order:
        return Order(self._train_slots, self.seed, self._by_speaker)

    @functools.cached_property
    def _validation_table(self) -> Slots:
        return Slots(self.recordings("validation"), self.output_rate, self.patch)

    @property
    def _validation_slots(self) -> list[int]:
        if not self.recordings("validation"):
            return []
        total = len(self._validation_table)
        wanted = min(total, self._validation_patches)
        return [(2 * number + 1) * total // (2 * wanted) for number in range(wanted)]

    def _train_example(self, index: int) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng([_TRAIN_STREAM, self.seed, index])
        seed = _example_seed(rng)
        point = rng.random()
        gain = 1.0 if self._gain is None else rng.uniform(*self._gain)
        slot = self._order.slot(index)
        return *self._low_and_high(self._train_slots, slot, point, gain, rng), seed

    def _validation_example(self, slot: int) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng([_VALIDATION_STREAM, slot])
        seed = _example_seed(rng)
        return *self._low_and_high(self._validation_table, slot, 0.5, 1.0, rng), seed

    def _low_and_high(
        self, slots: Slots, slot: int, point: float, gain: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        slot = self._usable_slot(slots, slot)
        recording = slots.recordings[slots.recording(slot)]
        start, length = slots.start(slot, point)
        wide, before = self._with_context(recording, start, length)
        if self._peak_normalize:
            gain /= self._waveforms.peak(recording) or 1.0
        wide = wide * np.float32(gain)
        low, high = self.degradation.pair(wide, self.output_rate, self.input_rate, rng)
        first = before // self.ratio
        return low[first : first + self.patch // self.ratio], high[before : before + self.patch]

    def _with_context(
        self, recording: Recording, start: int, length: int
    ) -> tuple[np.ndarray, int]:
        """The patch with the context that the degradation needs, and the samples before it."""
        if start < 0 or length < self.patch:
            padding = (-start, self.patch - length + start)
            return np.pad(self._waveforms.read(recording), padding), 0
        # Whole low-rate samples before it, so that low and high begin together.
        before = min(start, self.degradation.context) // self.ratio * self.ratio
        stop = min(start + self.patch + self.degradation.context, length)
        return self._waveforms.read(recording, start - before, stop), before

    def _usable_slot(self, slots: Slots, slot: int) -> int:
        for _ in slots.recordings:
            if self._waveforms.usable(slots.recordings[slots.recording(slot)]):
                return slot
            slot = slots.after(slot)
        raise UserError(f"{self.corpus.name}: no recording can be decoded")


def patches_per_second(patches: Patches, steps: int) -> float:
    """Speed of the pipeline alone, if the recordings of these steps are decoded already."""
    for _ in patches.batches(0, steps):
        pass
    began = time.perf_counter()
    for _ in patches.batches(0, steps):
        pass
    return steps * patches.batch / (time.perf_counter() - began)


def _example_seed(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2**31 - 1, 2, dtype=np.int32)


def _stack(examples: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    low, high, seed = zip(*examples, strict=True)
    low, high = (np.stack(signals).astype(np.float32) for signals in (low, high))
    return low, high, np.stack(seed)
