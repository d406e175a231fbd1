import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr import audio_file
from tfsr.data.corpora import Folder
from tfsr.data.noise import Noise
from tfsr.errors import UserError

RATE = 8000


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def save(folder, name: str, samples: np.ndarray, rate: int = RATE):
    audio_file.write(folder / name, np.asarray(samples, np.float32)[:, np.newaxis], rate, "FLOAT")


def levels(folder, lengths) -> Folder:
    """Recordings of one value each: 0.1, 0.2, ... All are in the train split."""
    for number, length in enumerate(lengths, 1):
        save(folder, f"{number}.wav", np.full(length, number / 10))
    return Folder(folder, held_out=0)


def test_a_piece_is_as_it_was_recorded_and_starts_anywhere(tmp_path):
    save(tmp_path, "ramp.wav", np.arange(1000) / 1000)
    noise, rng = Noise(tmp_path), generator()
    pieces = [noise(900, RATE, rng) for _ in range(300)]
    for piece in pieces:
        np.testing.assert_allclose(np.diff(piece), 1e-3, atol=1e-6)
    assert {round(1000 * piece[0]) for piece in pieces} >= {0, 100}


def test_recordings_are_drawn_alike_whatever_their_length(tmp_path):
    noise, rng = Noise(levels(tmp_path, [100, 1000, 8000])), generator()
    drawn = [round(10 * noise(100, RATE, rng)[0]) for _ in range(600)]
    np.testing.assert_allclose(np.bincount(drawn)[1:], 200, atol=40)


def test_short_ones_follow_each_other_until_a_tenth_of_a_second_is_missing(tmp_path):
    noise = Noise(levels(tmp_path, [2000, 2000, 2000, 2000]))
    drawn = noise(4 * 2000 + 800, RATE, generator())
    assert not drawn[8000:].any()
    pieces = drawn[:8000].reshape(4, 2000)
    assert (pieces == pieces[:, :1]).all() and len(set(pieces[:, 0])) > 1
    longer = noise(4 * 2000 + 801, RATE, generator())
    assert longer.all()


@given(samples=st.integers(1, 5000), rate=st.sampled_from([RATE, 16000, 11025]), seed=st.integers())
def test_noise_has_the_length_and_repeats(tmp_path_factory, samples, rate, seed):
    folder = tmp_path_factory.mktemp("noise")
    noise, seed = Noise(levels(folder, [50, 700, 3000])), abs(seed)
    drawn = noise(samples, rate, generator(seed))
    assert drawn.shape == (samples,) and drawn.dtype == np.float32 and drawn.any()
    np.testing.assert_array_equal(drawn, noise(samples, rate, generator(seed)))


def test_splits_share_no_noise(tmp_path):
    for split, value in (("train", 0.1), ("validation", 0.2), ("test", 0.3)):
        save(tmp_path, f"{split}/a.wav", np.full(500, value))
    for split, value in (("train", 0.1), ("validation", 0.2), ("test", 0.3)):
        drawn = Noise(tmp_path, split)(2000, RATE, generator())
        np.testing.assert_allclose(drawn[:1500], value)


def test_broken_recordings_are_passed_over(tmp_path):
    corpus = levels(tmp_path, [4000, 4000])
    corpus.recordings("train")
    (tmp_path / "1.wav").write_bytes(b"RIFF")
    np.testing.assert_allclose(Noise(corpus)(4000, RATE, generator()), 0.2)
    (tmp_path / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match="Noise.corpus: no recording can be decoded"):
        Noise(corpus)(4000, RATE, generator())


def test_what_is_missing_is_told_when_it_is_wanted(tmp_path):
    with pytest.raises(UserError, match="Noise.corpus is not set"):
        Noise()(100, RATE, generator())
    with pytest.raises(UserError, match="nowhere"):
        Noise(tmp_path / "nowhere")(100, RATE, generator())
    with pytest.raises(UserError, match="has no test recordings"):
        Noise(levels(tmp_path, [100]), "test")(100, RATE, generator())
