"""Export a trained run for use without tfsr.

    python -m tfsr.export --run_dir runs/quickstart --format saved_model --output exported/1
    python -m tfsr.export --run_dir runs/quickstart --format tflite --output voice.tflite

Both take waveforms of any length: {audio: float32 [batch, time]} at the input rate becomes
{audio: float32 [batch, ratio * time]} at the output rate. Systems that draw noise also take a seed
for it (SavedModel) or the noise itself; what else there is is printed. Causal networks run on
streams too: those signatures are in every SavedModel, and with --streaming alone in a TensorFlow
Lite file.
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
_STREAMING = flags.DEFINE_bool("streaming", False, "For streams, frame by frame (tflite only).")
_LICENCE = flags.DEFINE_string(
    "data_licence", None, "Of the training data, where its corpus did not tell it."
)


def main(positional: list[str]) -> None:
    if positional:
        raise UserError(f"export: {positional[0]!r} is no flag; a run is --run_dir DIR")
    for flag in _RUN_DIR, _FORMAT, _OUTPUT:
        if not flag.value:
            raise UserError(f"export: give --{flag.name}; --help tells what it is")
    for flag in _FLOAT16, _STREAMING:
        if flag.value and _FORMAT.value != "tflite":
            raise UserError(f"export: --{flag.name} is for --format tflite")
    from tfsr.gin_config import load_run

    upsampler = load_run(_RUN_DIR.value, _PARAM.value).upsampler
    sources = _sources()
    if _FORMAT.value == "tflite":
        from tfsr.export.tflite import export_tflite, signatures

        export_tflite(upsampler, _OUTPUT.value, _FLOAT16.value, _STREAMING.value, sources)
        written = signatures(upsampler, _STREAMING.value)
    else:
        from tfsr.export.saved_model import export_saved_model, signatures

        export_saved_model(upsampler, _OUTPUT.value, sources)
        written = signatures(upsampler)
    print(_summary(upsampler, written, _OUTPUT.value))


def _sources() -> list[dict[str, str]]:
    from tfsr.training.provenance import sources

    found = sources(_RUN_DIR.value)
    if _LICENCE.value is None:
        return found
    return [source | {"licence": _LICENCE.value} for source in found or [{"corpus": "unknown"}]]


def _summary(upsampler, signatures, output: str) -> str:
    from pathlib import Path

    path = Path(output)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    lines = [f"{output}: {megabytes:.1f} MB, {upsampler.input_rate} to {upsampler.output_rate} Hz"]
    for name, (_, inputs) in signatures.items():
        described = (f"{key}: {spec.dtype.name} {_shape(spec)}" for key, spec in inputs.items())
        lines.append(f"{name} takes {{{', '.join(described)}}}")
    return "\n".join(lines)


def _shape(spec) -> str:
    """As [batch, time]."""
    sizes = ["batch" if size is None else str(size) for size in spec.shape]
    if len(sizes) > 1 and spec.shape[-1] is None:
        sizes[-1] = "time"
    return f"[{', '.join(sizes)}]"


if __name__ == "__main__":
    command.run(main)
