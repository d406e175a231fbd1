"""A request is the same in other processes; jobs are done by workers, some of them at once."""

import pickle
import re

import numpy as np
import pytest

from tfsr import audio_file, presets
from tfsr.audio_file import parse_raw
from tfsr.backend import Backend, Stage
from tfsr.file_command import Loader
from tfsr.inference.file_jobs import Request
from tfsr.inference.output_paths import Job
from tfsr.inference.workers import Workers


def test_a_request_is_the_same_in_another_process():
    request = Request(
        Loader(["a.b = 3"], threads=1),
        presets.suited,
        bandwidth_hz=4000.0,
        raw=parse_raw("8000,ulaw,1"),
        rate="keep",
        rescale=True,
    )
    again = pickle.loads(pickle.dumps(request))
    assert again.settings == request.settings
    assert again.settings["system"] is presets.suited


def test_what_it_has_loaded_stays_where_it_is():
    request = Request(Loader(threads=1), "telephony-8k-16k")
    loaded = request.upsampler("telephony-8k-16k")
    again = pickle.loads(pickle.dumps(request))
    assert request.upsampler("telephony-8k-16k") is loaded
    assert again.upsampler("telephony-8k-16k") is not loaded


class Doubled(Backend):
    """Repeats samples; every stage would do the same."""

    input_rate, output_rate, ratio = 8000, 16000, 2
    stages = ()

    def __init__(self, stages: int = 1, receptive_field: int | None = 0):
        self.stages, self.receptive_field = [Stage(None)] * stages, receptive_field

    def run_condition(self, low):
        return low

    def run_stage(self, stage, signal, condition, part, noise=()):
        return np.repeat(condition[:, part.begin : part.end], 2, axis=1)


@pytest.fixture
def tape(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, [20_000, 1]).astype(np.float32)
    audio_file.write(tmp_path / "tape.wav", noise, 8000)
    return tmp_path / "tape.wav"


def request(backend: Backend) -> Request:
    how = {"bandwidth_hz": 4000, "chunk_seconds": 0.1}
    return Request(lambda _: backend, "doubled", **how)


@pytest.mark.parametrize(("threads", "batch"), [(2, 1), (1, 3), (2, 3)])
def test_workers_write_the_same_bytes(tape, threads, batch):
    made = [tape.parent / "one.wav", tape.parent / "other.wav"]
    with Workers(threads, batch) as workers:
        for target, how in zip(made, (Workers(), workers), strict=True):
            record = request(Doubled()).upsample(Job(tape, target), lambda _: None, how)
            assert record.error is None
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (Doubled(stages=2), "doubled: has 2 stages, .* takes no `batch` of chunks; give a longer"),
        (Doubled(receptive_field=None), "doubled: takes whole recordings, not a `batch` of chunks"),
    ],
)
def test_a_batch_is_refused_where_there_is_none(tape, backend, reason):
    job = Job(tape, tape.parent / "wide.wav")
    record = request(backend).upsample(job, lambda _: None, Workers(batch=2))
    assert record.error is not None and re.match(reason, record.error)
    assert not job.target.exists()
    assert request(backend).upsample(job, lambda _: None).error is None
