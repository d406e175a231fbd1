"""Standard input and output as files: audio cannot be read or written in one go everywhere."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfsr.errors import UserError

PIPE = "-"


@contextlib.contextmanager
def as_files(
    inputs: Sequence[str], output: str | None, extension: str | None = None
) -> Iterator[tuple[list[str], str | None]]:
    """Inputs and output with files in the place of "-"; what is written there is sent at the end.

    What comes from standard input goes to standard output, unless `output` says otherwise.

    Args:
        extension: of what goes to standard output; None is ".wav".

    Raises:
        UserError: more than one file for standard output, or one of the two fails.
    """
    output = PIPE if output is None and PIPE in inputs else output
    if output == PIPE and (len(inputs) != 1 or Path(inputs[0]).is_dir()):
        raise UserError("-o -: standard output takes one file; give one input")
    if PIPE not in (*inputs, output):
        yield list(inputs), output
        return
    with tempfile.TemporaryDirectory(prefix="tfsr-") as folder:
        sent = Path(folder, f"stdout{extension or '.wav'}")
        received = [_received(Path(folder, "stdin")) if x == PIPE else x for x in inputs]
        yield received, str(sent) if output == PIPE else output
        if sent.exists():
            _send(sent)


def _received(path: Path) -> str:
    try:
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    except OSError as error:
        raise UserError(f"standard input: cannot be kept ({error.strerror})") from error
    return str(path)


def _send(path: Path) -> None:
    try:
        with open(path, "rb") as file, open(1, "wb", closefd=False) as out:
            shutil.copyfileobj(file, out)
    except OSError as error:
        raise UserError(f"standard output: cannot be written ({error.strerror})") from error
