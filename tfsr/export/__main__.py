"""Export a trained run for use without tfsr.

    python -m tfsr.export --run_dir runs/quickstart --format saved_model --output exported/1
    python -m tfsr.export --run_dir runs/quickstart --format tflite --output voice.tflite

Both take waveforms of any length: {audio: float32 [batch, time]} at the input rate becomes
{audio: float32 [batch, ratio * time]} at the output rate.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run: a folder that tfsr.train wrote.")
_FORMAT = flags.DEFINE_enum(
    "format", None, ["saved_model", "tflite"], "A SavedModel's folder, or a TensorFlow Lite file."
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder (saved_model) or file (tflite) to write.")
_FLOAT16 = flags.DEFINE_bool("float16", False, "Weights in half the space (tflite only).")


def main(positional: list[str]) -> None:
    if positional:
        raise UserError(f"export: {positional[0]!r} is no flag; a run is --run_dir DIR")
    for flag in _RUN_DIR, _FORMAT, _OUTPUT:
        if not flag.value:
            raise UserError(f"export: give --{flag.name}; --help tells what it is")
    if _FLOAT16.value and _FORMAT.value != "tflite":
        raise UserError("export: --float16 is for --format tflite")
    from tfsr.gin_config import load_run

    upsampler = load_run(_RUN_DIR.value).upsampler
    if _FORMAT.value == "tflite":
        from tfsr.export.tflite import export_tflite

        export_tflite(upsampler, _OUTPUT.value, _FLOAT16.value)
    else:
        from tfsr.export.saved_model import export_saved_model

        export_saved_model(upsampler, _OUTPUT.value)
    print(_summary(upsampler, _OUTPUT.value))


def _summary(upsampler, output: str) -> str:
    from pathlib import Path

    path = Path(output)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    ratio, steps = upsampler.ratio, upsampler.noise_steps
    noise = f", noise: float32 [{steps}, batch, {ratio} * time]" if steps else ""
    return (
        f"{output}: {megabytes:.1f} MB, {upsampler.input_rate} to {upsampler.output_rate} Hz\n"
        f"serving_default: {{audio: float32 [batch, time]{noise}}} -> "
        f"{{audio: float32 [batch, {ratio} * time]}}"
    )


if __name__ == "__main__":
    command.run(main)
