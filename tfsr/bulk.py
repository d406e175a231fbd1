"""Widen the band of any number of recordings, on a cluster, each exactly once.

    python -m tfsr.bulk tapes/ more/*.flac -o wide/       # on this machine
    python -m tfsr.bulk gs://bucket/calls -o gs://bucket/wide --runner DataflowRunner
    python -m tfsr.bulk --list calls.txt -o wide/ --runner FlinkRunner
    python -m tfsr.bulk tapes/ -o wide/ --runner DaskRunner \\
        --runner_option dask_client_address=tcp://head:8786

Apache Beam runs it: on this machine, or on Dask, Flink, Spark or Dataflow. Inputs and OUTPUT are
in any file system of Beam. The outputs are the same bytes as those of tfsr.upsample. If it was
stopped, the same command does what is missing. A recording that cannot be processed stops nothing:
OUTPUT/dead-letters-*.jsonl names it. OUTPUT/manifest-*.jsonl tells what was done.
"""

import copy
import dataclasses
import os
import sys

from absl import flags

from tfsr import command
from tfsr.errors import UserError
from tfsr.file_command import BandFlags, RequestFlags
from tfsr.names import shown
from tfsr.runner_flags import RunnerFlags

_OUT = flags.DEFINE_string("out", None, "Folder of the outputs; local or remote.", short_name="o")
_LIST = flags.DEFINE_string("list", None, "A text file that names recordings, one in each line.")
_BEAM = RunnerFlags("DirectRunner")
_THREADS = flags.DEFINE_integer(
    "threads",
    None,
    "Processors that a model uses in each worker. Default: all of its machine.",
    lower_bound=1,
)
_HOW, _BAND = RequestFlags("bulk", "upsampled"), BandFlags()

# So many failures are printed.
_TOLD = 20


def main(positional: list[str]) -> None:
    if not _OUT.value:
        raise UserError("bulk: give the folder of outputs, -o OUTPUT; --help shows how")
    if not positional and not _LIST.value:
        raise UserError("bulk: give audio files or folders, or --list; --help shows how")
    _HOW.check()
    command.quiet_decoders()
    command.share_one_heap()
    cluster = _BEAM.cluster()
    from tfsr import audio_file, presets
    from tfsr.cluster import inputs
    from tfsr.cluster.bulk import bulk

    request = _HOW.request(presets.suited, _THREADS.value, **_BAND.how)
    out = inputs.output(_OUT.value)
    found, left = inputs.find(positional, out, _HOW.recursive)
    found += inputs.listed(_LIST.value) if _LIST.value else []
    jobs = inputs.jobs(found, out, _HOW.extension)
    if _HOW.subtype:
        for job in jobs:
            audio_file.require_subtype(job.target, _HOW.subtype)
    if isinstance(system := request.system, str):
        if system not in presets.names():  # workers may be elsewhere on their machines
            system = os.path.abspath(system)
            request = dataclasses.replace(request, system=system)
        # What is wrong with it is told here, once; the copy and what it loads are not kept.
        copy.copy(request).upsampler(system)
    print(shown(f"{len(jobs)} recordings -> {_OUT.value}, by {_BEAM.runner}"), flush=True)
    done = bulk(request, jobs, left, out, cluster)
    for reason in done.failed[:_TOLD]:
        print(shown(command.as_flags(f"tfsr: {reason}")), file=sys.stderr)
    print(shown(f"{_OUT.value}: {done.recordings - len(done.failed)} recordings are complete"))
    if done.failed:
        raise UserError(
            f"{len(done.failed)} of {done.recordings} recordings could not be upsampled, see "
            f"{_OUT.value}/dead-letters-*.jsonl"
        )


if __name__ == "__main__":
    command.run(main)
