"""Widen the band of recordings.

    python -m tfsr.upsample call.wav                       # writes call.tfsr.wav beside it
    python -m tfsr.upsample tapes/ more/x.flac -o wide/    # folders are mirrored
    python -m tfsr.upsample old.wav -o new.wav --run_dir runs/quickstart
    python -m tfsr.upsample old.wav --model exported.tflite   # without TensorFlow
    python -m tfsr.upsample - < call.wav > wide.wav

It takes files of any rate, length and number of channels. The band of each file is measured,
whatever its rate, and a preset that suits it is chosen; or give a trained run. The band that a
recording already has stays as it is.
"""

from absl import flags

from tfsr import command
from tfsr.file_command import FileCommand

_FILES = FileCommand("upsample", "upsampled")
_BANDWIDTH = flags.DEFINE_float(
    "bandwidth", None, "Highest frequency of the inputs in Hz. Default: measured.", lower_bound=300
)
_KEEP_LOW_BAND = flags.DEFINE_bool(
    "keep_low_band", True, "Leave the band of the input as it is (restoration changes it anyway)."
)


def main(positional: list[str]) -> None:
    from tfsr import presets

    how = {"bandwidth_hz": _BANDWIDTH.value, "keep_low_band": _KEEP_LOW_BAND.value}
    _FILES.run(positional, presets.suited, **how)


if __name__ == "__main__":
    command.run(main)
