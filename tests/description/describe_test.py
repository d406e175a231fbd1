import functools
import json

import numpy as np
import pytest
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.description.build import build
from tfsr.description.describe import NODES, describe
from tfsr.errors import UserError
from tfsr.layers.subpixel import Subpixel
from tfsr.layers.whitening import Pca
from tfsr.losses.waveform_distances import l1
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.noise_schedule import linear_schedule
from tfsr.upsamplers.optimizers import WarmUpDecay

NAMES = st.text(max_size=8).filter(lambda name: name not in NODES | {"module", "class_name"})
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(DATA)
def test_plain_data_describes_itself(data):
    assert describe(build(data)) == data


@pytest.mark.parametrize(
    "thing",
    [
        *(Subpixel("phase"), linear_schedule(5), WarmUpDecay(1e-3), l1, Pca),
        functools.partial(UpperBins, channels=4),
        UpperBins(3, channels=4),
        {"a": [Subpixel("channel"), (1, np.float64(0.5))]},
        keras.optimizers.Adam(3e-5, clipnorm=1.0, use_ema=True),
        keras.optimizers.AdamW(keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)),
        keras.optimizers.Adam(WarmUpDecay(1e-3), amsgrad=True),
    ],
    ids=lambda thing: getattr(thing, "__name__", type(thing).__name__),
)
def test_what_is_built_of_a_description_is_described_alike(thing):
    described = json.loads(json.dumps(describe(thing)))
    assert describe(build(described)) == described


def test_a_learning_rate_is_written_as_it_was_given():
    assert describe(keras.optimizers.Adam(3e-5))["arguments"]["learning_rate"] == 3e-5


def test_defaults_are_written_out():
    assert describe(UpperBins(3))["arguments"] == {
        **{"outputs": 3, "channels": 96, "blocks": 5, "kernel": 7, "input_kernel": 3},
        **{"expansion": 3, "causal": False, "name": None},
    }


@pytest.mark.parametrize(
    "thing", [lambda x: x, object(), keras.layers.Dense(3), {1: 2}, {"class": 1}]
)
def test_what_cannot_be_written_down_is_told_by_its_place(thing):
    with pytest.raises(UserError, match=r"model\.a\[1\]: "):
        describe({"a": [0, thing]})
