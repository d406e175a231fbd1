"""Convolutions over frames that run on a whole sequence or, if causal, frame by frame.

A causal layer has `initial_state(batch)` and `step(x, state) -> (y, state)`, for any number of
frames >= 1 in a call. All outputs together equal those of the whole sequence. The state holds the
frames before x that the layer still needs. At first they are zeros, like the padding of the whole.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError


class Sliding(keras.layers.Layer):
    """Mixin of a layer whose output frame depends on `taps` input frames.

    If it is causal, the frame itself is the last of them. Otherwise it is the middle one.
    `channels` is the number of input channels, known once the layer is built.

    Args:
        taps: number of frames, odd where the layer is centred.
        causal: whether no later frame is seen.

    Raises:
        UserError: a centred layer has an even number of taps.
    """

    channels: int

    def slide(self, taps: int, causal: bool) -> None:
        """Set up the mixin; the layer itself has `__init__`."""
        if not causal and taps % 2 == 0:
            raise UserError(
                f"{type(self).__name__}: kernel is {taps}, and no frame is in the middle of that "
                "many: choose an odd one, or causal=True"
            )
        self.causal = causal
        self._taps = taps

    @property
    def latency(self) -> int:
        """Number of later frames that a frame waits for."""
        return 0 if self.causal else self._taps // 2

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Numbers of frames before and after that a frame depends on."""
        return self._taps - 1 - self.latency, self.latency

    def initial_state(self, batch: int | tf.Tensor = 1) -> tf.Tensor:
        """The frames before the first one, [batch, frames, channels]."""
        check_causal(self)
        return tf.zeros([batch, self.receptive_field[0], self.channels])

    def step(self, x: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The layer's output for the next frames, and the next state."""
        check_causal(self)
        return self(x, state), self.next_state(x, state)

    def next_state(self, x: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """The state after these frames."""
        joined = tf.concat([state, tf.cast(x, state.dtype)], axis=1)
        return joined[:, tf.shape(x)[1] :]

    def surrounded(self, x: tf.Tensor, past: tf.Tensor | None) -> tf.Tensor:
        """The frames with their context on both sides, for a convolution without padding."""
        before, after = self.receptive_field
        if past is None:
            return tf.pad(x, [[0, 0], [before, after], *[[0, 0]] * (len(x.shape) - 2)])
        return tf.concat([tf.cast(past, x.dtype), x], axis=1)


def check_causal(layer: keras.layers.Layer) -> None:
    """Raise UserError unless the layer can run frame by frame."""
    if not layer.causal:
        raise UserError(
            f"{type(layer).__name__} sees later frames and cannot run frame by frame: "
            "build it, and train it, with causal=True"
        )


class StreamingConv1D(Sliding, keras.layers.Conv1D):
    """Convolution [batch, frames, inputs] -> [batch, frames, filters].

    Args:
        filters: channels of the output.
        kernel: number of taps.
        causal: whether no later frame is seen.
        options: of `keras.layers.Conv1D`.
    """

    def __init__(self, filters: int, kernel: int, causal: bool = False, **options):
        super().__init__(filters, kernel, padding="valid", **options)
        self.slide(kernel, causal)

    def build(self, input_shape: tf.TensorShape) -> None:
        self.channels = input_shape[-1]
        super().build((input_shape[0], None, self.channels))

    def call(self, x: tf.Tensor, past: tf.Tensor | None = None) -> tf.Tensor:
        return super().call(self.surrounded(x, past))


class DepthwiseConv1D(Sliding):
    """A separate convolution of every channel: [batch, frames, channels] -> the same shape.

    Args:
        kernel_size: number of taps.
        causal: whether no later frame is seen.
        kernel_initializer: of `kernel` [taps, channels]; `bias` [channels] starts at 0.
    """

    def __init__(self, kernel_size: int, causal: bool = False, kernel_initializer="zeros"):
        super().__init__()
        self.slide(kernel_size, causal)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tf.TensorShape) -> None:
        self.channels = input_shape[-1]
        shape = [self._taps, self.channels]
        self.kernel = self.add_weight("kernel", shape, initializer=self.kernel_initializer)
        self.bias = self.add_weight("bias", shape[1:], initializer="zeros")
        super().build(input_shape)

    def call(self, x: tf.Tensor, past: tf.Tensor | None = None) -> tf.Tensor:
        # On CPU several times as fast as a sum of shifted products, and more so backwards.
        rows = tf.expand_dims(self.surrounded(x, past), 2)
        kernel = tf.convert_to_tensor(self.kernel)[:, tf.newaxis, :, tf.newaxis]
        y = tf.nn.depthwise_conv2d(rows, kernel, [1, 1, 1, 1], "VALID")
        return tf.nn.bias_add(tf.squeeze(y, 2), self.bias)


class StreamingConv2D(Sliding, keras.layers.Conv2D):
    """Convolution [batch, frames, bins, inputs] -> [batch, frames, bins / stride, filters].

    Over bins it is centred, and zeros surround them.

    Args:
        filters: channels of the output.
        kernel: numbers of taps over frames and over bins.
        stride: bins from one output bin to the next.
        causal: whether no later frame is seen.
        options: of `keras.layers.Conv2D`.
    """

    def __init__(
        self,
        filters: int,
        kernel: tuple[int, int],
        stride: int = 1,
        causal: bool = False,
        **options,
    ):
        super().__init__(filters, kernel, (1, stride), padding="valid", **options)
        self.slide(kernel[0], causal)

    def build(self, input_shape: tf.TensorShape) -> None:
        *_, self.bins, self.channels = input_shape
        super().build((input_shape[0], None, None, self.channels))

    def initial_state(self, batch: int | tf.Tensor = 1) -> tf.Tensor:
        """The frames before the first one, [batch, frames, bins, channels]."""
        check_causal(self)
        return tf.zeros([batch, self.receptive_field[0], self.bins, self.channels])

    def call(self, x: tf.Tensor, past: tf.Tensor | None = None) -> tf.Tensor:
        half = self.kernel_size[1] // 2
        x = tf.pad(self.surrounded(x, past), [[0, 0], [0, 0], [half, half], [0, 0]])
        return super().call(x)
