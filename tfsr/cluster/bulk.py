"""Upsample any number of recordings on a cluster, each exactly once.

The folder of outputs has a hidden folder `.tfsr-bulk`. In it is a record of every finished
recording, and what is incomplete. An output appears by a rename, after its record. So whatever is
there under its own name is complete, and the next run leaves it as it is. At the end the records
become the manifest, in shards.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tfsr.cluster import beam
from tfsr.cluster.inputs import Job, Left
from tfsr.errors import UserError
from tfsr.folder_lock import folder_lock
from tfsr.inference import output_paths
from tfsr.inference.file_jobs import Request
from tfsr.inference.manifest import Record, from_entry

_HIDDEN = ".tfsr-bulk"
_MANIFEST, _DEAD, _LEFT = "manifest", "dead-letters", "left-out.jsonl"
_A_SHARD = re.compile(rf"({_MANIFEST}|{_DEAD})-\d+-of-\d+\.jsonl$")

# So many recordings are in a list of jobs, and in a shard of the manifest.
_SHARD = 1000

# A job of a cluster is described in a few megabytes at most.
_MOST_PARTS = 10_000

_LOG = logging.getLogger("tfsr")


class Part(NamedTuple):
    """Some lines of a list of jobs."""

    shard: int
    begin: int
    end: int


class Outcome(NamedTuple):
    """What is in the folder of outputs at the end.

    Attributes:
        recordings: number of all recordings.
        failed: the reasons of those that are dead letters.
    """

    recordings: int
    failed: list[str]


@dataclasses.dataclass(frozen=True)
class Folder:
    """The folder of outputs.

    Attributes:
        out: its location.
        shards: number of shards that the manifest has.
    """

    out: str
    shards: int

    def target(self, job: Job) -> str:
        return beam.join(self.out, job.target)

    def record(self, job: Job) -> str:
        """Where the record of a finished recording is."""
        name = hashlib.sha256(job.target.encode("utf-8", "surrogateescape")).hexdigest()
        return self.hidden("records", name[:2], f"{name}.json")

    def jobs(self, shard: int) -> str:
        return self.hidden("jobs", f"{shard:05d}.jsonl")

    @property
    def parts(self) -> str:
        """The folder for what is incomplete."""
        return self.hidden("parts")

    def hidden(self, *names: str) -> str:
        return beam.join(self.out, _HIDDEN, *names)

    def shard(self, kind: str, shard: int) -> str:
        return beam.join(self.out, f"{kind}-{shard:05d}-of-{self.shards:05d}.jsonl")


@dataclasses.dataclass(frozen=True)
class Upsampling:
    """The work of a cluster, see `tfsr.cluster.beam.Work`."""

    request: Request
    folder: Folder

    def elements(self, part: Part) -> list[Job]:
        lines = beam.read_text(self.folder.jobs(part.shard)).splitlines()
        return [Job(*json.loads(line)) for line in lines[part.begin : part.end]]

    def start(self) -> Request:
        """The request that the threads of a process share, with the models that it loads."""
        return self.request

    def process(self, job: Job, request: Request) -> tuple[int, tuple[int, Record]]:
        try:
            record = self._upsampled(job, request)
        except UserError as error:
            record = self._failed(job, str(error))
        except Exception as error:  # of one recording among a million: it stops no other
            _LOG.exception("%s", job.source)
            record = self._failed(job, f"{job.source}: {type(error).__name__}: {error}")
        return job.number // _SHARD, (job.number, record)

    def collect(self, shard: int, made: Sequence[tuple[int, Record]]) -> None:
        """Write a shard of the manifest, and of the list of dead letters."""
        # By numbers: in the order of the inputs, and without those that were done twice.
        records = [record for _, record in sorted(dict(made).items())]
        entries = map(dataclasses.asdict, records)
        self._write(self.folder.shard(_MANIFEST, shard), entries)
        failed = self.folder.shard(_DEAD, shard)
        if dead := [record for record in records if record.error]:
            kept = ("source", "target", "error")
            self._write(failed, ({name: getattr(one, name) for name in kept} for one in dead))
        else:
            beam.remove([failed])

    def _write(self, location: str, entries: Iterable[dict]) -> None:
        beam.write_text(location, _lines(entries), self.folder.parts)

    def _failed(self, job: Job, reason: str) -> Record:
        target = self.folder.target(job)
        return Record(job.source, target, seed=self.request.seed, error=reason)

    def _upsampled(self, job: Job, request: Request) -> Record:
        target, noted = self.folder.target(job), self.folder.record(job)
        if beam.exists(target):
            return self._earlier(job, target, noted)
        with (
            beam.as_local(job.source) as source,
            beam.staged(target, self.folder.parts) as (path, publish),
        ):
            record = request.upsample(output_paths.Job(source, path), lambda share: None)
            names = {str(path): target, str(source): job.source}
            record = record.told(lambda text: _replaced(text, names))
            if record.error is None:
                entry = json.dumps(dataclasses.asdict(record))
                beam.write_text(noted, f"{entry}\n", self.folder.parts)
                publish()
        return record

    def _earlier(self, job: Job, target: str, noted: str) -> Record:
        """The record of an output that is there already."""
        if not beam.exists(noted):  # another program has made it
            return dataclasses.replace(self._failed(job, ""), error=None, skipped=True)
        record = from_entry(json.loads(beam.read_text(noted)))
        if record.source != job.source:
            raise UserError(
                f"{job.source}: {target} is there already, made of {record.source}; give another -o"
            )
        return record


def bulk(
    request: Request,
    jobs: Sequence[Job],
    left: Sequence[Left],
    out: str,
    cluster: beam.Cluster,
) -> Outcome:
    """Upsample recordings on a cluster, or go on with it.

    Args:
        jobs: see `tfsr.cluster.inputs.jobs`.
        left: other files, for a list of them.
        out: location of the folder of outputs.

    Raises:
        UserError: the folder cannot be written, or holds outputs of other settings.
    """
    folder = Folder(out, math.ceil(len(jobs) / _SHARD))
    with _alone(folder):
        _claim(folder, request)
        beam.remove([folder.parts])
        for shard in range(folder.shards):
            some = jobs[shard * _SHARD : (shard + 1) * _SHARD]
            text = "".join(f"{json.dumps(job)}\n" for job in some)
            beam.write_text(folder.jobs(shard), text, folder.parts)
        cluster.run(Upsampling(request, folder), _parts(len(jobs)))
        if left:
            beam.write_text(
                beam.join(out, _LEFT), _lines(one._asdict() for one in left), folder.parts
            )
        # Workers that died have left some.
        beam.remove([folder.parts, folder.hidden("jobs")])
        return _outcome(folder, len(jobs))


@contextlib.contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Keep others from a local folder. A bucket has no locks."""
    if beam.is_remote(folder.out):
        yield
        return
    with folder_lock(Path(folder.hidden()), "bulk"):
        yield


def _claim(folder: Folder, request: Request) -> None:
    """Note the settings in the folder, or see that they are the same as before."""
    own = {
        name: getattr(value, "__qualname__", None) or (value if _is_plain(value) else str(value))
        for name, value in request.settings.items()
        if name not in ("load", "skip_existing")
    } | {"bindings": list(getattr(request.load, "params", ()))}
    place = folder.hidden("settings.json")
    if not beam.exists(place):
        beam.write_text(place, json.dumps(own, indent=1) + "\n", folder.parts)
        return
    earlier = json.loads(beam.read_text(place))
    if others := [name for name in own if own[name] != earlier.get(name)]:
        raise UserError(
            f"{folder.out}: holds outputs of another {', '.join(others)}; give another -o"
        )


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _parts(jobs: int) -> list[Part]:
    size = min(math.ceil(jobs / _MOST_PARTS), _SHARD)
    parts = []
    for first in range(0, jobs, _SHARD):
        lines = min(_SHARD, jobs - first)
        shard = first // _SHARD
        parts += [Part(shard, begin, min(begin + size, lines)) for begin in range(0, lines, size)]
    return parts


def _outcome(folder: Folder, recordings: int) -> Outcome:
    """What there is at the end; shards of earlier runs with more or fewer recordings go."""
    own = {
        folder.shard(kind, shard) for kind in (_MANIFEST, _DEAD) for shard in range(folder.shards)
    }
    there = [beam.join(folder.out, name) for name in beam.names(folder.out) if _A_SHARD.match(name)]
    beam.remove([one for one in there if one not in own])
    dead = [one for one in there if one in own and _DEAD in one.rpartition("/")[2]]
    lines = [line for one in dead for line in beam.read_text(one).splitlines()]
    return Outcome(recordings, [json.loads(line)["error"] for line in lines])


def _lines(entries: Iterable[dict]) -> str:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)


def _replaced(text: str, names: dict[str, str]) -> str:
    for file, name in names.items():
        text = text.replace(file, name)
    return text
