"""Make a model of weights that the authors of a system published.

    python -m tfsr.convert g_16kto48k --rates 16000,48000 --output models/apbwe-16k-48k
    python -m tfsr.convert nuwave_x2_436.ckpt --rates 24000,48000 -o models/nuwave-x2
    python -m tfsr.convert vf.ckpt --vocoder model.ckpt-1490000_trimed.pt -o models/voicefixer
    python -m tfsr.upsample tape.wav --model models/voicefixer

NU-Wave, WSRGlow, AP-BWE and VoiceFixer are recognised by their weights, in files of PyTorch or
safetensors. Nothing that a file says is run. The licence of the weights is their authors'.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_OUTPUT = flags.DEFINE_string("output", None, "The new folder of the model.", short_name="o")
_RATES = flags.DEFINE_list(
    "rates", None, "Hz of input and output, such as 24000,48000, where weights do not tell them."
)
_VOCODER = flags.DEFINE_string("vocoder", None, "The file of VoiceFixer's vocoder.")


def main(positional: list[str]) -> None:
    if len(positional) != 1:
        raise UserError("convert: give one file, as authors published it; --help shows how")
    if not _OUTPUT.value:
        raise UserError("convert: give --output FOLDER, the new folder of the model")
    rates = _rates(_RATES.value)
    from tfsr.convert.conversion import convert

    name, made = convert(positional[0], rates, _VOCODER.value)
    made.upsampler.save(_OUTPUT.value)
    upsampler = made.upsampler
    print(
        f"{positional[0]}: {name}, {upsampler.input_rate} to {upsampler.output_rate} Hz, "
        f"{upsampler.count_params():,} weights -> {_OUTPUT.value}"
    )
    print(made.source)
    print(made.licence)
    for passed_over in made.passed_over:
        print(f"passed over: {passed_over}")


def _rates(given: list[str] | None) -> tuple[int, int] | None:
    if given is None:
        return None
    if len(given) != 2 or not all(rate.isascii() and rate.isdigit() for rate in given):
        raise UserError(
            f"convert: --rates is {','.join(given)!r}; give two in Hz, such as 24000,48000"
        )
    return int(given[0]), int(given[1])


if __name__ == "__main__":
    command.run(main)
