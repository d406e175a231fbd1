"""Turns a folder of audio or a VCTK download into TFRecord shards that train fast.

    python -m tfsr.prepare SOURCE -o FOLDER --rate 16000
    python -m tfsr.prepare SOURCE -o FOLDER --rate 16000 --runner DaskRunner

Then give FOLDER as corpus. Broken files are skipped with a line each. So are recordings that do not
fill the band of the rate. If the command was stopped, the same command continues the work.
With --runner, Apache Beam writes the shards on a cluster whose machines all see both folders. The
result is the same.
"""

import os

from absl import flags

from tfsr.command import run
from tfsr.errors import UserError
from tfsr.runner_flags import RunnerFlags

flags.DEFINE_string("output", None, "Folder to write, or to continue.", short_name="o")
flags.DEFINE_integer(
    "rate",
    None,
    "Hz to resample to: the output rate of the training. By default every file keeps its rate, and "
    "training resamples it.",
    lower_bound=1,
)
flags.DEFINE_float(
    "trim_db",
    None,
    "Cut off both ends of each recording where they are this many dB below its loudest part "
    "(NU-Wave: 15). By default the ends are kept.",
    lower_bound=0.0,
)
flags.DEFINE_bool(
    "full_band",
    True,
    "With --rate: leave out recordings that do not fill its band, such as calls at 16 kHz. "
    "--nofull_band keeps them all.",
)
flags.DEFINE_float("held_out", 0.1, "For a folder of audio: share kept out of training.")
flags.DEFINE_enum(
    "by", "utterance", ["utterance", "speaker"], "For a folder of audio: the unit held out."
)
flags.DEFINE_enum("setup", "single", ["single", "multi"], "The published split of VCTK.")
flags.DEFINE_enum("microphone", "mic1", ["mic1", "mic2"], "The microphone of VCTK 0.92.")
_BEAM = RunnerFlags(None)


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or not flags.FLAGS.output:
        raise UserError("give one folder to read and one to write: SOURCE -o FOLDER")
    (source,), folder = arguments, flags.FLAGS.output
    write = None
    if _BEAM.runner:
        cluster = _BEAM.cluster()
        from tfsr.cluster import prepared

        write = prepared.on(cluster)
        # The workers may be elsewhere on their machines.
        source, folder = os.path.abspath(source), os.path.abspath(folder)
    corpus = _corpus(source)
    print(corpus.describe(), flush=True)
    from tfsr.data.shards import prepare

    recordings, skipped = prepare(
        corpus,
        folder,
        flags.FLAGS.rate,
        trim_db=flags.FLAGS.trim_db,
        full_band=flags.FLAGS.full_band,
        write=write,
    )
    print(f"{flags.FLAGS.output}: {recordings} recordings, {skipped} files skipped")


def _corpus(source: str):
    from tfsr.data.corpora import Folder
    from tfsr.data.vctk import Vctk, is_vctk

    if is_vctk(source):
        return Vctk(source, flags.FLAGS.setup, flags.FLAGS.microphone)
    return Folder(source, flags.FLAGS.held_out, flags.FLAGS.by)


if __name__ == "__main__":
    run(main)
