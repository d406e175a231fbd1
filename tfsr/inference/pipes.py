"""Standard input and output through temporary files, because audio code needs seekable files."""

import contextlib
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfsr.errors import UserError

PIPE = "-"


@dataclasses.dataclass(frozen=True)
class Files:
    """Inputs and output as names of files.

    Attributes:
        output: None if none was given.
        names: file -> the stream that it replaces, for files in place of "-".
    """

    inputs: list[str]
    output: str | None
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def told(self, text: str) -> str:
        """A text for the user, with the names of streams in place of their files."""
        for file, name in self.names.items():
            text = text.replace(file, name)
        return text


@contextlib.contextmanager
def as_files(
    inputs: Sequence[str], output: str | None, extension: str | None = None
) -> Iterator[Files]:
    """Files in place of "-"; at the end, the output file is sent to standard output.

    Standard input goes to standard output, unless `output` says otherwise.

    Args:
        extension: of the data for standard output; None is ".wav".

    Raises:
        UserError: there is more than one file for standard output, or one of the two fails. Errors
            raised within it are also reworded to name standard input and output.
    """
    output = PIPE if output is None and PIPE in inputs else output
    if output == PIPE and (len(inputs) != 1 or Path(inputs[0]).is_dir()):
        raise UserError("-o -: standard output takes one file; give one input")
    if PIPE not in (*inputs, output):
        yield Files(list(inputs), output)
        return
    with tempfile.TemporaryDirectory(prefix="tfsr-") as folder:
        sent, received = Path(folder, f"stdout{extension or '.wav'}"), Path(folder, "stdin")
        if PIPE in inputs:
            _receive(received)
        files = Files(
            [str(received) if name == PIPE else name for name in inputs],
            str(sent) if output == PIPE else output,
            {str(sent): "standard output", str(received): "standard input"},
        )
        try:
            yield files
        except UserError as error:
            raise UserError(files.told(str(error))) from error
        if sent.exists():
            _send(sent)


def _receive(path: Path) -> None:
    try:
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    except OSError as error:
        raise UserError(f"standard input: cannot be kept ({error.strerror})") from error


def _send(path: Path) -> None:
    try:
        with open(path, "rb") as file, open(1, "wb", closefd=False) as out:
            shutil.copyfileobj(file, out)
    except OSError as error:
        raise UserError(f"standard output: cannot be written ({error.strerror})") from error
