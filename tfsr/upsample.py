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

from tfsr import command
from tfsr.file_command import BandFlags, FileCommand

_FILES, _BAND = FileCommand("upsample", "upsampled"), BandFlags()


def main(positional: list[str]) -> None:
    from tfsr import presets

    _FILES.run(positional, presets.suited, **_BAND.how)


if __name__ == "__main__":
    command.run(main)
