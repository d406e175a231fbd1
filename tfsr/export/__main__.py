"""Export a trained model for use without tfsr.

    python -m tfsr.export --run_dir runs/quickstart --format saved_model --output exported/1
    python -m tfsr.export --run_dir runs/quickstart --format tflite --output voice.tflite
    python -m tfsr.export --preset telephony-8k-16k --streaming --format tflite --output call.tflite
    python -m tfsr.export --preset speech-16k-x2 --samples 16000 --format tflite --output web.tflite
    python -m tfsr.export --model models/apbwe --format saved_model --output exported/1

All files but the streaming one take waveforms of any length, or of that of --samples. {audio:
float32 [batch, time]} at the input rate gives {audio: float32 [batch, ratio * time]} at the output
rate. Systems with noise also take a seed for it (SavedModel) or the noise itself. The command
prints all signatures. Causal networks run on streams too. Every SavedModel has these signatures; a
TensorFlow Lite file has them, and no others, with --streaming.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_RUN_DIR = flags.DEFINE_string("run_dir", None, "The run: a folder that tfsr.train wrote.")
_PRESET = flags.DEFINE_string("preset", None, "Instead: a preset, see python -m tfsr.list.")
_MODEL = flags.DEFINE_string("model", None, "Instead: a model folder, such as tfsr.convert makes.")
_FORMAT = flags.DEFINE_enum(
    "format", None, ["saved_model", "tflite"], "A SavedModel's folder, or a TensorFlow Lite file."
)
_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "A setting to change in the run, such as its steps; may repeat."
)
_ALLOW_IMPORT = command.allow_import_flag()
_OUTPUT = flags.DEFINE_string("output", None, "Folder (saved_model) or file (tflite) to write.")
_QUANTIZE = flags.DEFINE_enum(
    "quantize",
    None,
    ["float16", "exact_float16", "int8", "dynamic_int8", "full_int8"],
    "Smaller numbers (tflite only). float16, exact_float16: weights in float16, all or only exact "
    "ones. int8: weights in int8. dynamic_int8, full_int8: activations in int8 too, with ranges "
    "measured as they come or on the run's training data. docs/export.md tells what each costs.",
)
_STREAMING = flags.DEFINE_bool("streaming", False, "For streams, frame by frame (tflite only).")
_MANY = flags.DEFINE_bool("many", False, "With --streaming: any number of streams in a step.")
_SAMPLES = flags.DEFINE_integer(
    "samples",
    None,
    "Fixed input length (tflite only), for runtimes that cannot resize tensors, such as LiteRT.js.",
    lower_bound=1,
)
_LICENCE = flags.DEFINE_string(
    "data_licence", None, "Licence of the training data, if the corpus did not tell it."
)


def main(positional: list[str]) -> None:
    if positional:
        raise UserError(f"export: {positional[0]!r} is not a flag; give a run as --run_dir DIR")
    if sum(map(bool, (_RUN_DIR.value, _PRESET.value, _MODEL.value))) != 1:
        raise UserError(
            "export: give one of --run_dir DIR, --preset NAME and --model DIR; --help explains them"
        )
    kind, output = _given(_FORMAT), _given(_OUTPUT)
    for of_run in _PARAM, _ALLOW_IMPORT:
        if of_run.value and not _RUN_DIR.value:
            raise UserError(f"export: --{of_run.name} is for --run_dir")
    if _LICENCE.value and _PRESET.value:
        raise UserError(f"export: --{_LICENCE.name} is for a run or a model, not for a preset")
    for of_tflite in _QUANTIZE, _STREAMING, _SAMPLES, _MANY:
        if of_tflite.value and kind != "tflite":
            raise UserError(f"export: --{of_tflite.name} is for --format tflite")
    if _STREAMING.value and _SAMPLES.value:
        raise UserError("export: --samples is not for --streaming, which takes one hop in any case")
    upsampler = _upsampler()
    if kind == "tflite":
        from tfsr.export import tflite

        quantization, inputs = _quantization()
        shapes = _STREAMING.value, _SAMPLES.value, _MANY.value
        tflite.export_tflite(upsampler, output, quantization, inputs, *shapes)
        written = tflite.signatures(upsampler, *shapes)
    else:
        from tfsr.export import saved_model

        saved_model.export_saved_model(upsampler, output)
        written = saved_model.signatures(upsampler)
    print(_summary(upsampler, written, output))


def _given(flag: flags.FlagHolder[str | None]) -> str:
    if not flag.value:
        raise UserError(f"export: give --{flag.name}; --help tells what it is")
    return flag.value


def _upsampler():
    """The upsampler, with the given licence of its training data."""
    import dataclasses

    from tfsr.loading import load_upsampler
    from tfsr.model_card import Source

    what = _PRESET.value or _MODEL.value or _RUN_DIR.value
    upsampler = load_upsampler(
        what, _PARAM.value, for_training=False, allow_import=_ALLOW_IMPORT.value
    )
    if _LICENCE.value is not None:
        known = upsampler.card.training_data or (Source("unknown", ""),)
        licensed = tuple(Source(source.corpus, _LICENCE.value) for source in known)
        upsampler.card = dataclasses.replace(upsampler.card, training_data=licensed)
    return upsampler


def _quantization() -> tuple:
    """The requested kind, None for float32, and inputs if it needs some."""
    from tfsr.export.quantization import QUANTIZATIONS, representative

    kind = QUANTIZATIONS[_QUANTIZE.value] if _QUANTIZE.value else None
    if kind is None or not kind.calibrated:
        return kind, ()
    if not _RUN_DIR.value:
        raise UserError(f"export: --quantize {kind.name} wants the data of a run: give --run_dir")
    from tfsr.gin_config import load_run

    run = load_run(_RUN_DIR.value, _PARAM.value, allow_import=_ALLOW_IMPORT.value)
    return kind, representative(run.data)


def _summary(upsampler, signatures, output: str) -> str:
    from pathlib import Path

    path = Path(output)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    lines = [f"{output}: {megabytes:.1f} MB, {upsampler.input_rate} to {upsampler.output_rate} Hz"]
    for name, signature in signatures.items():
        inputs = signature.inputs.items()
        described = (f"{key}: {spec.dtype.name} {_shape(spec)}" for key, spec in inputs)
        lines.append(f"{name} takes {{{', '.join(described)}}}")
    return "\n".join(lines)


def _shape(spec) -> str:
    """A shape in the form [batch, time]."""
    sizes = ["batch" if size is None else str(size) for size in spec.shape]
    if len(sizes) > 1 and spec.shape[-1] is None:
        sizes[-1] = "time"
    return f"[{', '.join(sizes)}]"


if __name__ == "__main__":
    command.run(main)
