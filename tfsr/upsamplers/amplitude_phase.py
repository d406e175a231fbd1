"""Predict amplitudes and phases of the whole band together: AP-BWE (Lu, Ai, Du & Ling 2024)."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.convolution import time_of
from tfsr.losses.phase import amplitude_distance, complex_distance, phase_distance
from tfsr.networks.apbwe import APBWE
from tfsr.signal.interpolation import Interpolates
from tfsr.signal.polar import Polar, PolarStft
from tfsr.signal.sinc_hann import SincHann
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.reconstruction import Reconstruction
from tfsr.upsamplers.update import Batch, Losses

_WEIGHTS = {"amplitude": 45.0, "phase": 100.0, "complex": 90.0, "consistency": 90.0}


def apbwe_adamw(
    learning_rate: float = 2e-4,
    factor: float = 0.999,
    every: int = 2558,
    weight_decay: float = 0.01,
    clip: float | None = 10.0,
) -> keras.optimizers.Optimizer:
    """The authors' optimizer, for the network or the discriminators.

    Args:
        learning_rate: its first value.
        factor: the learning rate is multiplied by it after every `every` steps, at once.
        every: number of steps between two drops; the authors' epoch has 2,558 batches of 16.
        weight_decay: a step takes away this share, times the learning rate, of every weight. This
            includes biases, as in PyTorch's AdamW.
        clip: largest norm of all gradients together; longer ones are scaled down. None is for
            discriminators: `Adversarial.clip_norm` scales each family separately.
    """
    rate = keras.optimizers.schedules.ExponentialDecay(learning_rate, every, factor, staircase=True)
    return keras.optimizers.AdamW(
        rate,
        weight_decay=weight_decay,
        beta_1=0.8,
        beta_2=0.99,
        epsilon=1e-8,
        global_clipnorm=clip,
    )


class Estimate(NamedTuple):
    """The network's output: a spectrum, and the signal [batch, time] made from it."""

    polar: Polar
    waveform: tf.Tensor


class AmplitudePhase(Reconstruction):
    """Interpolate, then predict amplitudes and phases of all frames and bins.

    There are four losses. "amplitude" and "phase" are described in `tfsr.losses.phase`. "complex"
    compares the spectra. "consistency" compares the estimated spectrum with the spectrum of the
    signal made from it.

    Any length is kept; the authors' code drops the samples after the last whole hop.

    In an empty band, phases depend on rounding, and the network sees them. Chunks still equal the
    whole, because they have the same frames. TensorFlow Lite rounds its transforms differently. It
    agrees to 1e-4 only where there is sound in the whole band.

    With two equal rates the network handles any bandwidth. It sees the bandwidth in the log
    amplitudes, so that the degradation may draw it at random.

    Args:
        network: two streams of frames.
        input_rate, output_rate: Hz.
        transform: makes the spectra; its bins are those of the network.
        interpolation: brings the low-rate signal to the output rate.
        weights: of the four losses; one that is not given is the authors' 45, 100, 90 or 90.
        adversarial: discriminators; None: there are none.
        optimizer: of the network; `apbwe_adamw()` unless given.

    Raises:
        UserError: network and transform have different numbers of bins.
    """

    def __init__(
        self,
        network: APBWE,
        input_rate: int,
        output_rate: int,
        transform: PolarStft = PolarStft(),
        interpolation: Interpolates = SincHann(),
        weights: Mapping[str, float] | None = None,
        adversarial: Adversarial | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ):
        if network.bins != transform.bins:
            raise UserError(
                f"{type(network).__name__}.bins is {network.bins}, and PolarStft.n_fft "
                f"{transform.n_fft}, which makes {transform.bins}: set both alike"
            )
        weights = _WEIGHTS | dict(weights or {})
        optimizer = optimizer or apbwe_adamw()
        super().__init__(input_rate, output_rate, tuple(_WEIGHTS), weights, adversarial, optimizer)
        self.network = network
        self.transform = transform
        self.interpolation = interpolation
        frame = transform.hop_length
        self.frame_rate = output_rate / frame
        self.hop = math.lcm(frame, self.ratio) // self.ratio
        # A sample depends on the frames around it, and these on the samples around them.
        reach = network.receptive_field * frame + transform.window_length
        self.receptive_field = math.ceil(reach / self.ratio) + interpolation.reach

    def upsample(self, low: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        return self._estimate(low, training=False).waveform

    def estimate(self, batch: Batch, training: bool) -> Estimate:
        return self._estimate(batch["low"], training)

    def distances(self, batch: Batch, estimate: Estimate) -> Losses:
        target, made = self.transform(batch["high"]), estimate.polar
        again = self.transform(estimate.waveform)
        return {
            "amplitude": amplitude_distance(target, made),
            "phase": phase_distance(target, made),
            "complex": complex_distance(target.spectrum, made.spectrum),
            "consistency": complex_distance(made.spectrum, again.spectrum),
        }

    def waveform(self, estimate: Estimate) -> tf.Tensor:
        return estimate.waveform

    def given(self, batch: Batch) -> tf.Tensor:
        return self.interpolation(batch["low"], self.ratio)

    def _estimate(self, low: tf.Tensor, training: bool) -> Estimate:
        x = self.interpolation(low, self.ratio)
        given = self.transform(x)
        made = self.network(given.log_amplitude, given.phase, training=training)
        return Estimate(made, self.transform.inverse(made, time_of(x)))
