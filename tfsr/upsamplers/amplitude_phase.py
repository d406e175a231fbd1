"""Amplitudes and phases of the whole band at once: AP-BWE (Lu, Ai, Du & Ling 2024)."""

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
    """The authors' optimizer, of network or discriminators.

    Args:
        learning_rate: at first.
        factor: by which it falls, all at once.
        every: steps after which it does; 2,558 batches of 16 are the authors' epoch.
        weight_decay: share of every weight, biases too, that a step takes away, times the learning
            rate, as PyTorch's AdamW does.
        clip: norm of all gradients together that longer ones are shortened to; None for
            discriminators, whose families `Adversarial.clip_norm` shortens each by itself.
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
    """What the network makes: a spectrum, and the signal [batch, time] of it."""

    polar: Polar
    waveform: tf.Tensor


class AmplitudePhase(Reconstruction):
    """Interpolate, then make amplitudes and phases of all frames and bins anew.

    The losses: "amplitude", "phase" (see `tfsr.losses.phase`), "complex" between the spectra, and
    "consistency" between the estimated spectrum and that of the signal made of it.

    Any length is kept; the authors' code leaves out what follows the last whole hop.

    In a band that is empty phases are a matter of rounding, and the network hears them. Frames of a
    chunk are those of the whole, so that chunks equal it all the same; TensorFlow Lite transforms
    with other roundings and agrees to 1e-4 only where there is sound in the whole band.

    Two rates that are equal make a network for any bandwidth: which one it is can be seen in the
    log amplitudes, so that the degradation may draw it.

    Args:
        network: two streams of frames.
        input_rate, output_rate: Hz.
        transform: what spectra are made with; its bins are those of the network.
        interpolation: brings the low-rate signal to the output rate.
        weights: of the four losses; where one is not given it is the authors' 45, 100, 90 or 90.
        adversarial: discriminators; None: there are none.
        optimizer: of the network; `apbwe_adamw()` unless given.

    Raises:
        UserError: network and transform differ in their bins.
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
