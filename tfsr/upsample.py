"""Widen the band of recordings with a trained run.

    python -m tfsr.upsample old.wav -o new.wav --run_dir runs/quickstart
    python -m tfsr.upsample tapes/ more/x.flac -o upsampled/ --run_dir runs/quickstart

Takes files of any rate, length and number of channels, and folders, which are mirrored. A file
that is not at the run's input rate is resampled to it first.
"""

import sys

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_OUT = flags.DEFINE_string(
    "out", None, "For one file its name or a folder, for more a folder.", short_name="o"
)
_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run: a folder that tfsr.train wrote.")
_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A setting that differs from the run's, such as its steps; may repeat."
)
_CHUNK = flags.DEFINE_float(
    "chunk",
    None,
    "Seconds that are upsampled together: more is faster and needs more memory.",
    lower_bound=0.01,
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the noise, for runs that draw any.", lower_bound=0)


def main(positional: list[str]) -> None:
    if not positional:
        raise UserError("upsample: give audio files or folders; --help shows how")
    if not _OUT.value or not _RUN_DIR.value:
        raise UserError("upsample: give -o OUT and --run_dir DIR; --help tells what they are")
    command.share_one_heap()
    from tfsr.inference.targets import plan

    jobs = plan(positional, _OUT.value)
    from tfsr.gin_config import load_run

    upsampler = load_run(_RUN_DIR.value, _PARAM.value).upsampler
    command.return_free_memory()
    failed = _upsample(upsampler, jobs)
    if failed:
        raise UserError(f"{failed} of {len(jobs)} files could not be upsampled")


def _upsample(upsampler, jobs: list) -> int:
    """How many failed; a single file raises instead."""
    from tqdm import tqdm

    from tfsr.inference.files import upsample_file

    chunk = _CHUNK.value and max(round(_CHUNK.value * upsampler.input_rate), 1)
    failed = 0
    with tqdm(total=len(jobs), unit="file", disable=None) as bar:
        for job in jobs:
            bar.set_description(job.source.name)
            show = _percentage(bar)
            try:
                done = upsample_file(upsampler, job.source, job.target, chunk, _SEED.value, show)
                bar.write(_report(job, done))
            except UserError as error:
                if len(jobs) == 1:
                    raise
                failed += 1
                bar.write(f"tfsr: {error}", file=sys.stderr)
            bar.update()
    return failed


def _percentage(bar):
    return lambda share: bar.set_postfix_str(f"{share:.0%}")


def _report(job, done) -> str:
    line = f"{job.source} {done.source_rate} Hz -> {job.target} {done.output_rate} Hz"
    if not done.was_resampled:
        return line
    return f"{job.source}: resampled from {done.source_rate} to {done.input_rate} Hz first\n{line}"


if __name__ == "__main__":
    command.run(main)
