"""What becomes of a file of published weights."""

from typing import NamedTuple

from tfsr.upsamplers.base import Upsampler


class Converted(NamedTuple):
    """An upsampler with published weights.

    Attributes:
        upsampler: all its weights are set.
        passed_over: names of the file's tensors that it does not need.
        source: whose weights they are, and where they are published.
        licence: under which they may be used, as far as it is known.
    """

    upsampler: Upsampler
    passed_over: tuple[str, ...]
    source: str
    licence: str
