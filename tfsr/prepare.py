"""Turns a folder of audio or a VCTK download into TFRecord shards that train fast.

    python -m tfsr.prepare SOURCE -o FOLDER --rate 16000

Then give FOLDER as corpus. Broken files and recordings that do not fill the band of the rate are
skipped with a line each; a run that was stopped goes
on where it was when the same command is given again.
"""

from absl import flags

from tfsr.command import run
from tfsr.errors import UserError

flags.DEFINE_string("output", None, "Folder to write (or to go on with).", short_name="o")
flags.DEFINE_integer(
    "rate",
    None,
    "Hz to resample to: the output rate to train for. By default every file keeps its own, and "
    "training resamples it.",
    lower_bound=1,
)
flags.DEFINE_float(
    "trim_db",
    None,
    "Cut off both ends of each recording that are so much quieter than its loudest part (NU-Wave: "
    "15). By default they stay.",
    lower_bound=0.0,
)
flags.DEFINE_bool(
    "full_band",
    True,
    "With --rate: leave out recordings that do not fill its band, such as calls at 16 kHz. "
    "--nofull_band takes them all.",
)
flags.DEFINE_float("held_out", 0.1, "Share kept from training in a folder of audio.")
flags.DEFINE_enum(
    "by", "utterance", ["utterance", "speaker"], "What is held out of a folder of audio."
)
flags.DEFINE_enum("setup", "single", ["single", "multi"], "The published split of VCTK.")
flags.DEFINE_enum("microphone", "mic1", ["mic1", "mic2"], "That of VCTK 0.92.")


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or not flags.FLAGS.output:
        raise UserError("give one folder to read and one to write: SOURCE -o FOLDER")
    (source,) = arguments
    corpus = _corpus(source)
    print(corpus.describe(), flush=True)
    from tfsr.data.shards import prepare

    recordings, skipped = prepare(
        corpus,
        flags.FLAGS.output,
        flags.FLAGS.rate,
        trim_db=flags.FLAGS.trim_db,
        full_band=flags.FLAGS.full_band,
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
