"""What `tfsr convert` takes for files of full size: seconds, and memory.

    python tools/convert_measures.py --system AP-BWE --folder /tmp/full_size

Each file is made of random numbers under the authors' names, by the writer of the tests, and is
left in the folder. A command is run in a process of its own; its memory is the most that it had,
less that of a process which imports TensorFlow alone.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

from absl import flags

from tfsr import command
from tfsr.errors import UserError

_FOLDER = flags.DEFINE_string("folder", None, "For files and models; there must be 4 GB.")
_SYSTEM = flags.DEFINE_multi_string("system", None, "Of these alone, or of all.")

_ROOT = Path(__file__).parents[1]
_MB = 1e6
_VOCODER = "model.ckpt-1490000_trimed.pt"


def main(_: list[str]) -> None:
    if not _FOLDER.value:
        raise UserError("convert_measures: give --folder FOLDER")
    folder = Path(_FOLDER.value)
    folder.mkdir(parents=True, exist_ok=True)
    _, _, imported = measured("-c", "import tensorflow, tf_keras, h5py")
    print(f"TensorFlow alone: {imported:.0f} MB")
    print("| system | file, MB | seconds | of the processor | MB more than TensorFlow | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, arguments in COMMANDS.items():
        if _SYSTEM.value and name not in _SYSTEM.value:
            continue
        paths = [folder / argument for argument in arguments if argument[0] != "-"]
        for path in paths:
            if not path.exists():
                # Apart: what this process has held counts for those that it starts.
                writer = multiprocessing.get_context("spawn").Process(target=write, args=(path,))
                writer.start()
                writer.join()
        given = [str(folder / x) if x[0] != "-" else x for x in arguments]
        model = folder / f"model-{name}-{time.time_ns()}"
        seconds, worked, memory = measured("-m", "tfsr.convert", *given, "-o", str(model))
        size = sum(path.stat().st_size for path in paths) / _MB
        more = memory - imported
        print(
            f"| {name} | {size:.0f} | {seconds:.1f} | {worked:.1f} | {more:.0f} | "
            f"{more / size:.2f} |",
            flush=True,
        )


def measured(*arguments: str) -> tuple[float, float, float]:
    """Seconds, those of the processor, and the most MB of `python ARGUMENTS`.

    Raises:
        UserError: it fails.
    """
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=_ROOT, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise UserError(f"{' '.join(arguments)}: ended with {status}")
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / _MB


def write(path: Path) -> None:
    """A file of full size, by its name."""
    sys.path.insert(0, str(_ROOT / "tests" / "convert"))
    from authors_files import FULL_SIZE
    from conftest import write_zip

    write_zip(path, FULL_SIZE[path.name]())


COMMANDS = {
    "NU-Wave": ("nuwave_x2.ckpt",),
    "AP-BWE": ("g_16kto48k",),
    "WSRGlow": ("wsrglow.ckpt",),
    "VoiceFixer's vocoder": (_VOCODER,),
    "VoiceFixer": ("vf.ckpt", "--vocoder", _VOCODER),
}

if __name__ == "__main__":
    command.run(main)
