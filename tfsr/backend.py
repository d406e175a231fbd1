"""What makes high-rate signals, whatever it runs on: arrays in, arrays out, without TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tfsr.nest import Nest

Noise = tuple[np.ndarray, ...]
"""Draws, each float32 [channels, ratio * time], standard normal."""

_CHUNK_SECONDS = 4


class Stage(NamedTuple):
    """One pass over the whole signal, of those that follow each other.

    Attributes:
        function: what the back end that made the stage runs for it. In an `Upsampler` it is
            (signal, condition, noise, *settings) -> signal, of tensors; the first has one that
            begins, for there is no signal yet.
        noise_steps: how many of the draws of noise it takes, in the order of the stages.
        settings: numbers, so that stages that do the same with other numbers are traced once.
    """

    function: Callable
    noise_steps: int = 0
    settings: tuple[float, ...] = ()


class Part(NamedTuple):
    """A part of the time that a nest spans, in input samples.

    Attributes:
        begin, end: of the part, from the nest's first sample.
        samples: that the nest spans.
    """

    begin: int
    end: int
    samples: int

    def of(self, time: int) -> slice:
        """The same part of an array of another time, which is in proportion to the nest's."""
        return slice(self.begin * time // self.samples, self.end * time // self.samples)


class Backend(Protocol):
    """Widens the band of signals; what is derived from its properties is here already.

    Attributes:
        input_rate, output_rate: Hz; `ratio` is their quotient, a whole number.
        noise_steps: how many draws of noise all stages want (0: it is deterministic).
        receptive_field: input samples on each side that an output sample of one stage depends on;
            None where it is unbounded.
        condition_field: input samples on each side that the condition of the stages depends on.
        hop: chunks of a long signal start at multiples of so many input samples.
        context: None lets a chunk of a long signal see all of its receptive field, so that chunked
            equals whole. Where that would cost too much, as many input samples on each side as do;
            neighbours then share `fade` samples, over which one goes over into the other (for
            those without noise).
        fade: see `context`.
        frame_rate: frames a second that its output is made of, however they overlap; None where
            it is not made of frames.
        latency_ms: milliseconds from when a sample comes in to when it is heard, of a model that
            runs on streams; None of others.
        peaks: a recording whose largest absolute sample lies outside of this range is brought to
            the nearer end, and back after it; None leaves every level.
        restores: whether it also changes the band that a recording has, and is meant to.
    """

    input_rate: int
    output_rate: int
    ratio: int
    noise_steps: int = 0
    receptive_field: int | None = None
    condition_field: int = 0
    hop: int = 1
    context: int | None = None
    fade: int = 0
    frame_rate: float | None = None
    latency_ms: float | None = None
    peaks: tuple[float, float] | None = None
    restores: bool = False

    @property
    def streams(self) -> "Streams | None":
        """What runs on streams; None: it wants whole recordings."""
        return None

    @property
    def stages(self) -> Sequence[Stage]:
        """The passes that a signal goes through, one after the other."""

    def run_condition(self, low: np.ndarray) -> Nest:
        """What all stages need of a signal, computed once for them.

        Args:
            low: float32 [channels, time] at `input_rate`, any time >= 1.

        Returns:
            A nest of arrays [channels, time, ...], whose times are in proportion to `low`'s.
        """

    def run_stage(
        self, stage: Stage, signal: Nest, condition: Nest, part: Part, noise: Noise = ()
    ) -> Nest:
        """What a stage makes of the signal of the stage before.

        Args:
            stage: one of `stages`.
            signal: what the stage before gave, () in the first.
            condition: what `run_condition` gave, perhaps of a longer signal.
            part: of the condition that belongs to `signal`.
            noise: `stage.noise_steps` draws.

        Returns:
            A nest as of `run_condition`; the last stage's is float32 [channels, ratio * time].
        """

    @property
    def chunk(self) -> int:
        """Input samples of a long signal that are upsampled together unless somebody chooses."""
        return _CHUNK_SECONDS * self.input_rate

    def whole_hops(self, samples: int) -> int:
        """Input samples, rounded up to a multiple of `hop`."""
        return -(-samples // self.hop) * self.hop

    def with_reference(self, high: np.ndarray) -> "Backend":
        """For one recording whose original is known, float32 [time] at `output_rate`: itself.

        An oracle, which shows how far a system could come if it knew part of the answer, returns
        one that uses it; evaluation is where originals are known.
        """
        return self

    def gain(self, peak: float) -> float:
        """The factor for a recording with this largest absolute sample, see `peaks`."""
        if self.peaks is None or not peak > 0:
            return 1.0
        lowest, highest = self.peaks
        return min(max(float(peak), lowest), highest) / float(peak)


State = Mapping[str, np.ndarray]
"""What a stream has been, for what follows; its names and sizes are the upsampler's own."""


class Streams(Protocol):
    """Widens the band of streams, hop by hop, several of them at once.

    Attributes:
        input_rate, output_rate, ratio, hop, latency_ms: see `Backend`.
    """

    input_rate: int
    output_rate: int
    ratio: int
    hop: int
    latency_ms: float

    def initial_state(self, batch: int = 1) -> State:
        """The state before the first hop, of so many streams."""

    def step(self, audio: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """The next part of each stream.

        Args:
            audio: float32 [batch, hop] at `input_rate`.
            state: what the step before gave, or `initial_state`.

        Returns:
            float32 [batch, ratio * hop] at `output_rate`, and the next state.
        """
