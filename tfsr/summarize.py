"""Print the size and the cost of a configuration's upsampler.

    python -m tfsr.summarize --gin configs/audiounet.gin
    python -m tfsr.summarize --run_dir runs/quickstart
    python -m tfsr.summarize --model speech-16k-x2

It prints parameters, multiply-adds per second of audio, receptive field, hop and memory.
"""

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_GIN = flags.DEFINE_multi_string("gin", [], "Configuration file; may repeat, later ones override.")
_PARAM = flags.DEFINE_multi_string("gin_param", [], "An additional setting; may repeat.")
_ALLOW_IMPORT = command.allow_import_flag()
_RUN_DIR = flags.DEFINE_string("run_dir", None, "A run directory, instead of --gin.")
_MODEL = flags.DEFINE_string("model", None, "A preset or a model folder, instead of --gin.")


def main(positional: list[str]) -> None:
    if positional or sum(map(bool, (_GIN.value, _RUN_DIR.value, _MODEL.value))) != 1:
        raise UserError("summarize: give one of --gin FILE, --run_dir DIR and --model NAME")
    for of_run in _PARAM, _ALLOW_IMPORT:
        if _MODEL.value and of_run.value:
            raise UserError(f"summarize: --model has no settings: leave out --{of_run.name}")
    from tfsr.upsamplers.complexity import complexity

    upsampler = _upsampler()
    print(table(upsampler, complexity(upsampler)))


def _upsampler():
    from tfsr.loading import is_described, load_upsampler

    run_dir = _RUN_DIR.value
    if _MODEL.value:
        return load_upsampler(_MODEL.value, for_training=False)
    if run_dir and not _PARAM.value and is_described(run_dir):
        return load_upsampler(run_dir)
    from tfsr import gin_config

    files = [gin_config.operative_config(run_dir)] if run_dir else _GIN.value
    settings = _PARAM.value, _ALLOW_IMPORT.value
    return gin_config.experiment(files, *settings, only_used=bool(run_dir)).upsampler


def table(upsampler, counts) -> str:
    """The counts as aligned lines."""
    field = counts.receptive_field
    seconds = "" if field is None else f" ({1000 * field / upsampler.input_rate:.1f} ms)"
    rows = {
        "rates": f"{upsampler.input_rate} -> {upsampler.output_rate} Hz",
        "parameters": f"{counts.parameters:,}",
        "other weights": f"{counts.fixed_parameters:,}",
        "training only": f"{counts.training_parameters:,} parameters",
        "multiply-adds": f"{counts.multiply_adds / 1e9:.3f} G per second of audio",
        "receptive field": f"{field} input samples on each side{seconds}",
        "hop": f"{counts.hop} input samples",
        "weights": f"{counts.weight_bytes / 2**20:.1f} MiB",
        "training": f"{counts.training_bytes / 2**20:.1f} MiB of weights, gradients and Adam",
        "activations": f"{counts.activation_bytes / 2**20:.1f} MiB per second of audio",
    }
    return "\n".join(f"{name:<16}{value}" for name, value in rows.items())


if __name__ == "__main__":
    command.run(main)
