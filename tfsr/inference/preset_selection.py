"""Choose a preset for a recording by its bandwidth."""

from collections.abc import Sequence
from typing import Protocol

from tfsr.errors import UserError
from tfsr.model_card import RESTORATION, STREAMS, TELEPHONE

# A telephone's band ends at 3.4 kHz, at 4, or on some lines at 3.
_TELEPHONE_HZ = (2800, 4400)

# So much of a band must be there to be taken for all of it.
_FILLED = 0.8


class Candidate(Protocol):
    """A trained upsampler with a name; it takes recordings up to `bandwidth_hz`."""

    @property
    def name(self) -> str: ...
    @property
    def output_rate(self) -> int: ...
    @property
    def bandwidth_hz(self) -> float: ...
    @property
    def suited_to(self) -> str: ...


def choice(bandwidth_hz: float, presets: Sequence[Candidate]) -> str:
    """The name of the preset with the widest input that such recordings fill.

    Among several with that input, the one with the lowest output rate is chosen, which costs least.
    Presets for the telephone are used for all telephone recordings, and for no others. Presets for
    streams or restoration are never chosen.

    Raises:
        UserError: there is no band to add.
    """
    presets = [one for one in presets if one.suited_to not in (STREAMS, RESTORATION)]
    calls = [one for one in presets if one.suited_to == TELEPHONE]
    suited = calls if calls and is_telephone(bandwidth_hz) else _without(calls, presets)
    filled = [one for one in suited if _FILLED * one.bandwidth_hz <= bandwidth_hz]
    narrowest = min(suited, key=lambda one: (one.bandwidth_hz, one.output_rate))
    best = max(filled, key=lambda one: (one.bandwidth_hz, -one.output_rate), default=narrowest)
    if bandwidth_hz > 0.9 * best.output_rate / 2:
        raise UserError(
            f"reaches {bandwidth_hz / 1000:.1f} kHz already, there is no band to add; to "
            "upsample it anyway, give a lower `bandwidth`, or a `model`"
        )
    return best.name


def _without(calls: Sequence[Candidate], presets: Sequence[Candidate]) -> Sequence[Candidate]:
    """All other presets; if there are none, those for calls."""
    return [one for one in presets if one not in calls] or calls


def restoring(bandwidth_hz: float, presets: Sequence[Candidate]) -> str:
    """The name of the preset that restores recordings with such a bandwidth.

    The one with the lowest output rate that holds the band is chosen, or else the one with the
    highest.

    Raises:
        UserError: no preset restores.
    """
    presets = [one for one in presets if one.suited_to == RESTORATION]
    if not presets:
        raise UserError("no preset restores recordings; give a `model` that does")
    wide = [one for one in presets if _FILLED * bandwidth_hz <= one.output_rate / 2]
    lowest = min(wide, key=lambda one: one.output_rate, default=None)
    return (lowest or max(presets, key=lambda one: one.output_rate)).name


def is_telephone(bandwidth_hz: float) -> bool:
    return _TELEPHONE_HZ[0] <= bandwidth_hz <= _TELEPHONE_HZ[1]


NO_SPEECH = "does not look like speech (music, noise?), and is processed all the same"
"""The remark about such a recording."""


def remark(bandwidth_hz: float, rate: int) -> str:
    """The remark about a recording that does not fill the band of its rate; "" if it does."""
    if bandwidth_hz > _FILLED * rate / 2:
        return ""
    kind = "taken for a telephone recording, " if is_telephone(bandwidth_hz) else ""
    return f"nothing above {bandwidth_hz / 1000:.1f} kHz, {kind}"
