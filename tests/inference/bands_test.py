import numpy as np
import pytest

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.inference.bands import Band, of_each_channel, together
from tfsr.inference.file_jobs import Request
from tfsr.inference.output_paths import Job
from tfsr.signal.resample import StreamResampler, resample
from tfsr.upsamplers.interpolation import Interpolation

SYSTEMS = {"narrow": (8000, 16_000), "wide": (16_000, 48_000)}


def test_each_channel_is_gone_through_by_itself():
    random = np.random.default_rng(0)
    blocks = [random.normal(size=[size, 3]) for size in (5, 1, 7)]
    whole = np.concatenate(blocks)
    blocks = [np.concatenate([block, 0 * block[:, :1]], axis=1) for block in blocks]
    found = of_each_channel(iter(blocks), 4, lambda own: float(sum(map(np.sum, own))))
    assert found == [*(pytest.approx(np.sum(one)) for one in whole.T), None]


@pytest.mark.parametrize("channels", [1, 3])
def test_what_fails_is_told_and_nothing_waits(channels):
    def measure(blocks) -> float:
        raise ZeroDivisionError(next(blocks))

    def broken():
        yield np.ones([9, channels])
        raise UserError("damaged")

    with pytest.raises(ZeroDivisionError):
        of_each_channel(iter([np.ones([9, channels])] * 20), channels, measure)
    with pytest.raises(UserError, match="damaged"):
        of_each_channel(broken(), channels, lambda blocks: float(len(list(blocks))))


@pytest.mark.parametrize(
    "bandwidths, bands",
    [
        ([3900], [((0,), 3900)]),
        ([3900, 3700], [((0, 1), 3900)]),
        ([3900, 7800], [((0,), 3900), ((1,), 7800)]),
        ([None, 3900], [((0, 1), 3900)]),
        ([None, None], [((0, 1), 8000.0)]),
        ([7800, 3900, 8000, None], [((0, 2, 3), 8000), ((1,), 3900)]),
    ],
)
def test_what_belongs_together(bandwidths, bands):
    assert together(bandwidths, 16_000, str) == [Band(*band, str(band[1])) for band in bands]


def choose(bandwidth_hz: float) -> str:
    if bandwidth_hz > 12_000:
        raise UserError("nothing to add")
    return "narrow" if bandwidth_hz < 6000 else "wide"


@pytest.fixture
def request_of_all() -> Request:
    return Request(lambda name: Interpolation(*SYSTEMS[name]), choose)


def noise(reach_hz: int, rate: int) -> np.ndarray:
    """A second of it up to a frequency, at a rate."""
    return resample(
        np.random.default_rng(reach_hz).normal(0, 0.1, 2 * reach_hz), 2 * reach_hz, rate
    )


def test_a_caller_and_a_called(request_of_all, tmp_path):
    narrow, wide = noise(4000, 16_000), noise(8000, 16_000)
    both = np.stack([narrow, wide], axis=1).astype(np.float32)
    audio_file.write(tmp_path / "a.wav", both, 16_000, "FLOAT")
    record = request_of_all.upsample(Job(tmp_path / "a.wav", tmp_path / "b.wav"), lambda _: None)
    assert record.error is None and record.system == "narrow, wide"
    line = str(record).splitlines()[0]
    assert line.startswith(
        f"{tmp_path}/a.wav: channel 1 up to 4.0 kHz, with narrow; channel 2 up to"
    )
    made, rate = audio_file.read(tmp_path / "b.wav")
    assert made.shape == (48_000, 2) and rate == 48_000
    for place, alone in enumerate((narrow, wide)):
        audio_file.write(
            tmp_path / "c.wav", alone[:, np.newaxis].astype(np.float32), 16_000, "FLOAT"
        )
        job = Job(tmp_path / "c.wav", tmp_path / "d.wav")
        assert request_of_all.upsample(job, lambda _: None).error is None
        expected, own_rate = audio_file.read(tmp_path / "d.wav")
        expected = StreamResampler(own_rate, 48_000, 1).push(expected, last=True)
        np.testing.assert_allclose(made[:, [place]], expected, rtol=0, atol=1e-5)


def test_a_bandwidth_is_at_most_half_of_the_rate(tmp_path):
    asked = []
    request = Request(
        lambda name: Interpolation(*SYSTEMS[name]),
        lambda bandwidth_hz: asked.append(bandwidth_hz) or "narrow",
        bandwidth_hz=20_000.0,
    )
    audio_file.write(tmp_path / "a.wav", noise(3000, 8000).reshape(-1, 1), 8000, "FLOAT")
    record = request.upsample(Job(tmp_path / "a.wav", tmp_path / "b.wav"), lambda _: None)
    assert record.error is None and asked == [4000.0]


def test_a_channel_with_nothing_to_add_stays_as_it_is(request_of_all, tmp_path):
    full, narrow = noise(24_000, 48_000), noise(4000, 48_000)
    both = np.stack([full, narrow], axis=1).astype(np.float32)
    audio_file.write(tmp_path / "a.wav", both, 48_000, "FLOAT")
    request = Request(request_of_all.load, choose, rate="keep")
    record = request.upsample(Job(tmp_path / "a.wav", tmp_path / "b.wav"), lambda _: None)
    assert record.error is None and record.system == "narrow" and "as it is" in record.bands
    made, _ = audio_file.read(tmp_path / "b.wav")
    np.testing.assert_array_equal(made[:, 0], both[:, 0])
    audio_file.write(tmp_path / "a.wav", both[:, :1], 48_000, "FLOAT")
    record = request.upsample(Job(tmp_path / "a.wav", tmp_path / "b.wav"), lambda _: None)
    assert record.error == f"{tmp_path}/a.wav: nothing to add"
