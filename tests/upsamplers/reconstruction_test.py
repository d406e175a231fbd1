import pytest

from tfsr.errors import UserError
from tfsr.losses.waveform_distances import l1
from tfsr.networks.audiounet import AudioUNet
from tfsr.upsamplers.regression import Regression


def test_without_discriminators_it_has_its_losses_alone():
    upsampler = Regression(AudioUNet((4,)), 8000, 16000, {"l1": l1})
    assert upsampler.loss_names == ("loss", "l1")
    assert upsampler.batches_per_step == 1
    (update,) = upsampler.updates
    assert update.name == "network" and update.loss_names == ("loss", "l1")


def test_nothing_to_learn_by_is_refused():
    upsampler = Regression(AudioUNet((4,)), 8000, 16000, losses={})
    with pytest.raises(UserError, match="has no losses to learn by; build a Regression"):
        upsampler.compile()
