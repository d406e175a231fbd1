from tfsr.networks.audiounet import AudioUNet
from tfsr.networks.critics import SrganCritic
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.complexity import complexity
from tfsr.upsamplers.interpolation import Interpolation
from tfsr.upsamplers.regression import Regression


def test_what_only_training_has_is_counted_apart():
    network, critic = AudioUNet((4,), batch_norm=True), SrganCritic(2, 1)
    counts = complexity(
        Regression(network, 8000, 16000, adversarial=Adversarial({"srgan": critic}))
    )
    assert counts.training_parameters == critic.count_params()
    assert counts.parameters + counts.fixed_parameters == network.count_params()
    assert counts.fixed_parameters == 2 * sum(n.shape[0] for n in _means(network))
    assert counts.weight_bytes == 4 * network.count_params()
    trained = counts.parameters + counts.training_parameters
    assert counts.training_bytes == 4 * (4 * trained + counts.fixed_parameters)


def test_a_part_that_was_trained_by_itself_is_no_part_of_training():
    network = AudioUNet((4,))
    upsampler = Regression(network, 8000, 16000)
    alone = complexity(upsampler)
    network.trainable = False
    frozen = complexity(upsampler)
    assert frozen.parameters == alone.parameters == network.count_params()
    assert frozen.training_parameters == alone.training_parameters == 0
    assert frozen.training_bytes == alone.training_bytes / 4


def test_interpolation_costs_its_kernel_and_has_no_parameters():
    counts = complexity(Interpolation(8000, 16000))
    assert counts.parameters == counts.training_parameters == counts.weight_bytes == 0
    assert counts.multiply_adds == 2 * 41 * 8000  # split for float16, one point between two samples
    assert (counts.hop, counts.receptive_field) == (1, 20)


def _means(network):
    return [weight for weight in network.non_trainable_weights if "moving_mean" in weight.name]
