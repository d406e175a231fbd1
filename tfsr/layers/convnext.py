"""ConvNeXt blocks over frames (Liu et al. 2022, "A ConvNet for the 2020s"; Siuzdak 2023, Vocos)."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.streaming import DepthwiseConv1D, StreamingConv1D, check_causal

_EPSILON = 1e-6
_STDDEV = 0.02


class ConvNeXtBlock(keras.layers.Layer):
    """[batch, frames, channels] -> the same shape: a residual block, wide only within a frame.

    The block has a depthwise convolution over frames, then layer normalisation of each frame. A
    dense layer to `expansion` times the channels, exact GELU and a dense layer back follow. The
    last part is a factor for each channel.

    Args:
        expansion: see above.
        kernel: number of frames that the depthwise convolution sees.
        scale: initial value of the factors `gamma`.
        causal: whether no later frame is seen. If so, `initial_state` and `step` run the block
            frame by frame, as in `tfsr.layers.streaming`.

    Attributes:
        depthwise: its `kernel` is [kernel, channels].
        norm, expand, project, gamma: the further parts, in this order.

    Raises:
        UserError: an even kernel is not causal.
    """

    def __init__(
        self, expansion: int = 3, kernel: int = 7, scale: float = 1.0, causal: bool = False
    ):
        super().__init__()
        self.causal = causal
        self._expansion = expansion
        self._scale = scale
        self.depthwise = DepthwiseConv1D(kernel, causal, normal())
        self.norm = keras.layers.LayerNormalization(epsilon=_EPSILON)

    def build(self, input_shape: tf.TensorShape) -> None:
        channels = input_shape[-1]
        self.expand = keras.layers.Dense(self._expansion * channels, kernel_initializer=normal())
        self.project = keras.layers.Dense(channels, kernel_initializer=normal())
        initializer = keras.initializers.Constant(self._scale)
        self.gamma = self.add_weight("gamma", [channels], initializer=initializer)
        super().build(input_shape)

    @property
    def latency(self) -> int:
        """Number of later frames that a frame waits for."""
        return self.depthwise.latency

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Numbers of frames before and after that a frame depends on."""
        return self.depthwise.receptive_field

    def call(self, x: tf.Tensor, past: tf.Tensor | None = None) -> tf.Tensor:
        y = self.norm(self.depthwise(x, past))
        y = self.project(tf.nn.gelu(self.expand(y), approximate=False))
        return x + tf.convert_to_tensor(self.gamma) * y

    def initial_state(self, batch: int | tf.Tensor = 1) -> tf.Tensor:
        """The frames before the first one; needs a built block."""
        check_causal(self)
        return self.depthwise.initial_state(batch)

    def step(self, x: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The block's output for the next frames, and the next state."""
        check_causal(self)
        return self(x, state), self.depthwise.next_state(x, state)


class ConvNeXt(keras.layers.Layer):
    """[batch, frames, inputs] -> [batch, frames, channels]: an input convolution, then blocks.

    Layer normalisation follows the convolution and the last block. The factors of the blocks start
    at 1 / blocks.

    Args:
        channels: of every block.
        blocks: number of blocks.
        kernel: number of frames that a block's depthwise convolution sees.
        input_kernel: number of frames that the input convolution sees.
        expansion: factor by which a block is wider inside.
        causal: see `ConvNeXtBlock`.

    Raises:
        UserError: an even kernel is not causal.
    """

    def __init__(
        self,
        channels: int,
        blocks: int,
        kernel: int = 7,
        input_kernel: int = 3,
        expansion: int = 3,
        causal: bool = False,
    ):
        super().__init__()
        self.causal = causal
        self.start = StreamingConv1D(channels, input_kernel, causal, kernel_initializer=normal())
        self.first_norm = keras.layers.LayerNormalization(epsilon=_EPSILON)
        self.blocks = [ConvNeXtBlock(expansion, kernel, 1 / blocks, causal) for _ in range(blocks)]
        self.last_norm = keras.layers.LayerNormalization(epsilon=_EPSILON)

    @property
    def latency(self) -> int:
        """Number of later frames that a frame waits for."""
        return self.receptive_field[1]

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Numbers of frames before and after that a frame depends on."""
        before, after = zip(*(layer.receptive_field for layer in self._sliding), strict=True)
        return sum(before), sum(after)

    @property
    def _sliding(self) -> tuple[StreamingConv1D | ConvNeXtBlock, ...]:
        """The layers that see more than one frame, in order."""
        return self.start, *self.blocks

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = self.first_norm(self.start(x))
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x)

    def initial_state(self, batch: int | tf.Tensor = 1) -> tuple[tf.Tensor, ...]:
        """The frames before the first one, for the input and each block; needs a built network."""
        check_causal(self)
        return tuple(layer.initial_state(batch) for layer in self._sliding)

    def step(
        self, x: tf.Tensor, state: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """The output for the next frames, and the next state."""
        check_causal(self)
        first, *others = state
        x, new = self.start.step(x, first)
        x, states = self.first_norm(x), [new]
        for block, past in zip(self.blocks, others, strict=True):
            x, new = block.step(x, past)
            states.append(new)
        return self.last_norm(x), tuple(states)


def normal() -> keras.initializers.Initializer:
    """The initialiser of ConvNeXt's kernels."""
    return keras.initializers.RandomNormal(stddev=_STDDEV)
