"""Write the presets for whole recordings as the page wants them, into models/ beside this file.

    python speech_models.py            # all of them
    python speech_models.py speech-16k-x2

LiteRT.js cannot resize, so that they take pieces of two seconds. Weights are in float16 and
transforms in float32, as in the presets' own files. `tfsr export --quantize float16` rounds both,
which changes samples by up to 1.5e-3.
"""

import sys
from pathlib import Path
from typing import NoReturn

PRESETS = "speech-16k-x2", "speech-48k-x3", "speech-16k-x4"
SECONDS = 2


def main(names: list[str]) -> None:
    try:
        from tfsr.errors import UserError
        from tfsr.optional_imports import needed_by
    except ModuleNotFoundError:
        fail("npm run speech needs tfsr: pip install 'tfsr[train]'")
    try:
        with needed_by("npm run speech"):
            write(names)
    except UserError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def write(names: list[str]) -> None:
    # Imported here, so that `main` can tell what is missing.
    import tfsr
    from tfsr.export.quantization import QUANTIZATIONS
    from tfsr.export.tflite import export_tflite

    for name in names or PRESETS:
        path = Path(__file__).parent / "models" / f"{name}.tflite"
        upsampler = tfsr.load(name).upsampler
        samples = upsampler.whole_hops(SECONDS * upsampler.input_rate)
        export_tflite(upsampler, path, QUANTIZATIONS["exact_float16"], samples=samples)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
