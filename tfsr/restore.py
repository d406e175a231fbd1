"""Restore damaged speech: noise, reverberation, clipping, missing bands.

    python -m tfsr.restore noisy.wav                       # writes noisy.tfsr.wav beside it
    python -m tfsr.restore tapes/ more/x.flac -o clean/    # folders are mirrored
    python -m tfsr.restore noisy.wav --strength 0.7        # keep some of what was there
    python -m tfsr.restore loud.wav --only clipping        # fill clipped samples, without a model
    python -m tfsr.restore old.wav -o new.wav --model models/voicefixer
    python -m tfsr.restore - < noisy.wav > clean.wav

It takes files of any rate, length and number of channels. --manifest FILE records what was found in
each: the level of noise, the share of clipped samples, the bandwidth. Use tfsr.upsample for
recordings without damage that only lack a high band.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError
from tfsr.file_command import FileCommand

_FILES = FileCommand("restore", "restored", rate="keep")
_STRENGTH = flags.DEFINE_float(
    "strength",
    1.0,
    "0: leave all as it is; 1: restore in full; between: a mix of both.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_DECLIP = flags.DEFINE_bool(
    "declip",
    True,
    "Fill clipped samples by linear prediction before the model hears the recording. A louder "
    "output is made softer as a whole. --nodeclip leaves them to the model.",
)
_ONLY = flags.DEFINE_enum(
    "only",
    None,
    ["clipping"],
    "clipping: fill clipped samples and do nothing else. No model is used, so recordings of any "
    "rate keep their band.",
)


def main(positional: list[str]) -> None:
    from tfsr import presets

    if _ONLY.value and not _DECLIP.value:
        raise UserError("restore: --only clipping and --nodeclip leave nothing to do; drop one")
    suited = None if _ONLY.value else presets.restoring
    _FILES.run(positional, suited, strength=_STRENGTH.value, declip=_DECLIP.value)


if __name__ == "__main__":
    command.run(main)
