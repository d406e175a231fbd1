"""Make a model from weights that the authors of a system published.

    python -m tfsr.convert g_16kto48k --output models/apbwe-16k-48k
    python -m tfsr.convert nuwave_x2_436.ckpt --output models/nuwave-x2
    python -m tfsr.convert renamed --rates 16000,48000 --output models/renamed
    python -m tfsr.convert vf.ckpt --vocoder model.ckpt-1490000_trimed.pt -o models/voicefixer
    python -m tfsr.upsample tape.wav --model models/voicefixer

NU-Wave, WSRGlow, AP-BWE and VoiceFixer are recognised by their weights, in files of PyTorch or
safetensors. Nothing in a file is run as code. The licence of the weights is their authors'.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_OUTPUT = flags.DEFINE_string("output", None, "The new folder of the model.", short_name="o")
_RATES = flags.DEFINE_list(
    "rates", None, "Hz of input and output, such as 24000,48000, if the file does not tell them."
)
_VOCODER = flags.DEFINE_string("vocoder", None, "The file of VoiceFixer's vocoder.")
_MODE = flags.DEFINE_integer("mode", None, "Mode of VoiceFixer: 0, 1 or 2. Default: 0.")
_FLOAT32_SCHEDULE = flags.DEFINE_bool(
    "float32_schedule", None, "Compute NU-Wave's steps as its authors do, 0.115 dB too quiet."
)


def main(positional: list[str]) -> None:
    if len(positional) != 1:
        raise UserError("convert: give one file, as authors published it; --help shows how")
    if not _OUTPUT.value:
        raise UserError("convert: give --output FOLDER, the new folder of the model")
    rates = _rates(_RATES.value)
    given = {"mode": _MODE.value, "float32_schedule": _FLOAT32_SCHEDULE.value}
    options = {name: value for name, value in given.items() if value is not None}
    from tfsr.convert.conversion import convert, summary, title

    system, made = convert(positional[0], rates, _VOCODER.value, **options)
    made.upsampler.save(_OUTPUT.value)
    print(
        f"{positional[0]}: {title(system, made)}, {made.upsampler.count_params():,} weights -> "
        f"{_OUTPUT.value}"
    )
    print(system.source)
    print(system.terms)
    if made.passed_over:
        print(f"passed over, {len(made.passed_over)} tensors that the model does without:")
        print("\n".join(f"  {line}" for line in summary(made.passed_over)))


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
