"""Dask finishes a job although one of its two workers is killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("apache_beam", reason="Apache Beam is not installed: tfsr[beam]")
pytest.importorskip("distributed", reason="Dask is not installed: tfsr[beam]")

RECORDINGS = 16
COMMON = ("-m", "tfsr", "bulk", "tapes", "--bandwidth", "4000", "--threads", "1", "-o")


def start(*arguments: str) -> subprocess.Popen:
    with open("log", "a") as log:
        return subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log)


@pytest.fixture
def workers(tmp_path, monkeypatch) -> Iterator[list[subprocess.Popen]]:
    """Two processes of a cluster that the file `cluster` describes, in a folder with tapes."""
    monkeypatch.chdir(tmp_path)
    Path("tapes").mkdir()
    for number in range(RECORDINGS):
        sound = np.random.default_rng(number).normal(0, 0.1, 8000 * 30)
        soundfile.write(f"tapes/{number:02d}.wav", sound, 8000)
    common = ("--scheduler-file", "cluster", "--no-dashboard")
    here = ("--host", "127.0.0.1", "--port", "0")
    head = start("-m", "distributed.cli.dask_scheduler", *common, *here)
    worker = ("-m", "distributed.cli.dask_worker", *common, "--nthreads", "1", "--no-nanny")
    started = [head, *(start(*worker, "--local-directory", f"of{n}") for n in range(2))]
    yield started[1:]
    for process in started:
        process.kill()
        process.wait()


def outputs(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.wav")}


@pytest.mark.long
def test_a_worker_may_be_killed(workers, hangs):
    job = start(
        *(*COMMON, "many", "--runner", "DaskRunner"),
        *("--runner_option", "dask_scheduler_file=cluster"),
    )
    ends = time.monotonic() + hangs
    while len(outputs("many")) < 4 and job.poll() is None and time.monotonic() < ends:
        time.sleep(0.02)
    workers[0].send_signal(signal.SIGKILL)
    assert len(outputs("many")) < RECORDINGS, "it is too fast to be killed"
    assert job.wait(hangs) == 0, Path("log").read_text()
    assert workers[1].poll() is None
    subprocess.run([sys.executable, *COMMON, "one"], check=True)
    assert len(outputs("many")) == RECORDINGS
    assert outputs("many") == outputs("one")
    (one,), (many,) = (sorted(Path(name).glob("manifest-*")) for name in ("one", "many"))
    assert many.read_text().replace("/many/", "/one/") == one.read_text()
    assert not list(Path("many/.tfsr-bulk").glob("parts*"))
