"""Export a trained run for use without tfsr.

    python -m tfsr.export --run_dir runs/quickstart --format saved_model --output exported/1
    python -m tfsr.export --run_dir runs/quickstart --format tflite --output voice.tflite

Both take waveforms of any length: {audio: float32 [batch, time]} at the input rate becomes
{audio: float32 [batch, ratio * time]} at the output rate. Systems that draw noise also take a seed
for it (SavedModel) or the noise itself; what else there is is printed.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run: a folder that tfsr.train wrote.")
_FORMAT = flags.DEFINE_enum(
    "format", None, ["saved_model", "tflite"], "A SavedModel's folder, or a TensorFlow Lite file."
)
_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A setting that differs from the run's, such as its steps; may repeat."
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

    upsampler = load_run(_RUN_DIR.value, _PARAM.value).upsampler
    if _FORMAT.value == "tflite":
        from tfsr.export import tflite

        tflite.export_tflite(upsampler, _OUTPUT.value, _FLOAT16.value)
        signatures = tflite.signatures(upsampler)
    else:
        from tfsr.export.saved_model import export_saved_model

        export_saved_model(upsampler, _OUTPUT.value)
        signatures = upsampler.signatures
    print(_summary(upsampler, signatures, _OUTPUT.value))


def _summary(upsampler, signatures, output: str) -> str:
    from pathlib import Path

    path = Path(output)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    lines = [f"{output}: {megabytes:.1f} MB, {upsampler.input_rate} to {upsampler.output_rate} Hz"]
    for name, signature in signatures.items():
        inputs = ", ".join(
            f"{key}: {spec.dtype.name} {_shape(spec, upsampler.ratio)}"
            for key, spec in signature.inputs.items()
        )
        lines.append(
            f"{name}: {{{inputs}}} -> {{audio: float32 [batch, {upsampler.ratio} * time]}}"
        )
    return "\n".join(lines)


def _shape(spec, ratio: int) -> str:
    """As [batch, time]; three axes are draws of noise, at the output rate."""
    if spec.shape.rank == 3:
        return f"[{spec.shape[0]}, batch, {ratio} * time]"
    return "[batch, time]" if spec.shape.rank else "[]"


if __name__ == "__main__":
    command.run(main)
