"""The contract of everything that upsamples: arrays in, arrays out, without TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tfsr.nest import Nest

Noise = tuple[np.ndarray, ...]
"""Draws of noise, each float32 [channels, ratio * time], standard normal."""

_CHUNK_SECONDS = 4


class Stage(NamedTuple):
    """One pass over the whole signal. Stages run one after the other.

    Attributes:
        function: what the backend runs for this stage; only the backend that made it knows how. In
            an `Upsampler` it maps tensors: (signal, condition, noise, *settings) -> signal. The
            first stage has another function, because there is no signal yet.
        noise_steps: number of noise draws it takes, in the order of the stages.
        settings: numbers. Stages that differ only in these numbers are traced once.
    """

    function: Callable
    noise_steps: int = 0
    settings: tuple[float, ...] = ()


class Part(NamedTuple):
    """A range of the time that a nest of arrays covers, in input samples.

    Attributes:
        begin, end: of the range, counted from the nest's first sample.
        samples: number of input samples that the nest covers.
    """

    begin: int
    end: int
    samples: int

    def of(self, time: int) -> slice:
        """The same range in an array whose time axis is proportional to the nest's."""
        return slice(self.begin * time // self.samples, self.end * time // self.samples)


class Backend(Protocol):
    """Widens the band of signals. Properties derived from the attributes are implemented here.

    Attributes:
        input_rate, output_rate: Hz; `ratio` is their quotient, a whole number.
        noise_steps: number of noise draws that all stages need (0: it is deterministic).
        receptive_field: input samples on each side that an output sample of one stage depends on;
            None where it is unbounded.
        condition_field: input samples on each side that the condition of the stages depends on.
        hop: chunks of a long signal start at multiples of this number of input samples.
        context: input samples on each side that a chunk of a long signal sees. None: all of its
            receptive field, so that the chunks equal the whole. A number is for models where that
            would cost too much (and that use no noise). Neighbouring chunks are then cross-faded
            over `fade` samples.
        fade: see `context`.
        frame_rate: frames per second that its output is made of, however they overlap; None: it
            is not made of frames.
        latency_ms: time in milliseconds from a sample's arrival to its output, of a model that
            runs on streams; None for others.
        peaks: allowed range of a recording's largest absolute sample. A recording outside of it is
            scaled to the nearer end, and scaled back afterwards; None: no recording is scaled.
        restores: whether it is meant to change the band that the recording already has.
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
        """The form that runs on streams; None: the model needs whole recordings."""
        return None

    @property
    def stages(self) -> Sequence[Stage]:
        """The passes that a signal goes through, one after the other."""

    def run_condition(self, low: np.ndarray) -> Nest:
        """The condition that all stages share, computed once for a signal.

        Args:
            low: float32 [channels, time] at `input_rate`, any time >= 1.

        Returns:
            A nest of arrays [channels, time, ...], whose times are proportional to `low`'s.
        """

    def run_stage(
        self, stage: Stage, signal: Nest, condition: Nest, part: Part, noise: Noise = ()
    ) -> Nest:
        """Apply one stage to the output of the stage before.

        Args:
            stage: one of `stages`.
            signal: output of the stage before, () for the first stage.
            condition: output of `run_condition`, perhaps for a longer signal.
            part: the part of the condition that belongs to `signal`.
            noise: `stage.noise_steps` draws.

        Returns:
            A nest as in `run_condition`; the last stage gives float32 [channels, ratio * time].
        """

    @property
    def chunk(self) -> int:
        """Input samples of a long signal that are upsampled together, unless the user chooses."""
        return _CHUNK_SECONDS * self.input_rate

    def whole_hops(self, samples: int) -> int:
        """A number of input samples, rounded up to a multiple of `hop`."""
        return -(-samples // self.hop) * self.hop

    def with_reference(self, high: np.ndarray) -> "Backend":
        """The backend for one recording whose original is known: float32 [time] at `output_rate`.

        Most return themselves. An oracle returns a backend that uses the original. It shows how
        good a system could be if it knew part of the answer. Originals are known in evaluation.
        """
        return self

    def gain(self, peak: float) -> float:
        """The factor that scales a recording with this largest absolute sample, see `peaks`."""
        if self.peaks is None or not peak > 0:
            return 1.0
        lowest, highest = self.peaks
        return min(max(float(peak), lowest), highest) / float(peak)


State = Mapping[str, np.ndarray]
"""What later steps need of a stream's past; each upsampler has its own names and shapes."""


class Streams(Protocol):
    """Widens the band of streams, hop by hop, for several streams at once.

    Attributes:
        input_rate, output_rate, ratio, hop, latency_ms: see `Backend`.
    """

    input_rate: int
    output_rate: int
    ratio: int
    hop: int
    latency_ms: float

    def initial_state(self, batch: int = 1) -> State:
        """The state before the first hop, for `batch` streams."""

    def step(self, audio: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Process the next hop of each stream.

        Args:
            audio: float32 [batch, hop] at `input_rate`.
            state: the state after the step before, or `initial_state`.

        Returns:
            float32 [batch, ratio * hop] at `output_rate`, and the next state.
        """
