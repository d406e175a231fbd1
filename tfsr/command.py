"""What all commands share: flags, help, and one clear line for a mistake of the user."""

import contextlib
import ctypes
import functools
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO, cast

from absl import flags

from tfsr.atomic_files import require_file
from tfsr.errors import UserError
from tfsr.names import shown
from tfsr.optional_imports import needed_by
from tfsr.postponed import ENDING

# Flags that are defined here belong to the command that asks for them.
flags.disclaim_key_flags()

# From glibc's malloc.h.
_M_ARENA_MAX = -8

# By flag, the suffixes of the files that it may replace.
_REPORTS: dict[str, tuple[str, ...]] = {}

# By these alone, bars of progress move on the terminal.
_MOVES = re.compile(r"(?:[\r\n]|\x1b\[A)*")

# What a shell says of a program that SIGPIPE has ended. For another signal, its number is added.
_PIPE_CLOSED = 141
_ENDED = 128


def run(main: Callable[[list[str]], None]) -> None:
    """Parse the flags, call `main(positional arguments)` and exit: 0 done, 2 user's mistake.

    SIGTERM and SIGHUP end the command as Ctrl-C does: incomplete files are removed. If a package is
    not installed, one line says how to install it (exit code 2). Control characters are printed as
    escapes, so that no file name can control the terminal.

    Flags may stand before or after the positional arguments. The help is the docstring of the
    module that calls this, followed by its flags. It is printed without importing TensorFlow.
    """
    flags.FLAGS.set_gnu_getopt(True)
    for number in ENDING:
        # Ctrl-C has its exception already. What is ignored, as nohup does with SIGHUP, stays so.
        if number != signal.SIGINT and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    _open_what_is_closed()
    _guard_terminal()
    try:
        if {"-h", "--help", "-help"} & set(sys.argv[1:]):
            _help(main)
        else:
            _call(main)
        sys.stdout.flush()
    except BrokenPipeError:  # by head, for one, that has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE_CLOSED)
    except (UserError, flags.Error) as error:
        print(f"tfsr: {shown(as_flags(str(error)))}{_hint(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _open_what_is_closed() -> None:
    """Open closed standard streams on the null device, so that no file gets their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # has the lowest number that is free
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Within it, Ctrl-C, SIGTERM and SIGHUP end the process at once, without an exception.

    It is for imports, which may lose an exception. Use it only where nothing can be half written.
    """
    earlier = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in earlier.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class _Guarded:
    """A text stream that escapes control characters, except those that move progress bars."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        moves = _MOVES.match(text)
        start = moves.end() if moves else 0
        rest = text[start:].rstrip("\r")
        ending = text[start + len(rest) :]
        return self._stream.write(text[:start] + shown(rest, kept="\n\t") + ending)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _guarded(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, _Guarded) else cast(TextIO, _Guarded(stream))


class _OneLine(logging.Formatter):
    """Formats a warning in one line, even if file names in it contain line breaks."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def _guard_terminal() -> None:
    sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)
    if logging.lastResort:  # it prints what nobody else handles
        logging.lastResort.setFormatter(_OneLine())


def allow_import_flag() -> flags.FlagHolder[list[str]]:
    """The flag --allow_import of a command that reads configurations."""
    return flags.DEFINE_multi_string(
        "allow_import",
        [],
        "A module of yours that a configuration may import. Its code is run; may repeat.",
    )


def report_flag(name: str, help_text: str, *suffixes: str) -> flags.FlagHolder[str | None]:
    """A flag for a file that the command writes at its end, such as a page.

    The command checks the file name before it does anything else. It refuses a file that cannot be
    written. It also refuses to replace an older file that may be no such report.

    Args:
        suffixes: suffixes of older files that it may replace, such as ".html"; none: any file.
    """
    _REPORTS[name] = suffixes
    return flags.DEFINE_string(name, None, help_text)


def _check_reports() -> None:
    named: dict[str, str] = {}
    for flag, suffixes in _REPORTS.items():
        if not (path := flags.FLAGS[flag].value):
            continue
        try:
            require_file(path, suffixes)
        except UserError as error:
            raise UserError(f"--{flag} {error}") from error
        other = named.setdefault(os.path.realpath(path), flag)
        if other != flag:
            raise UserError(f"--{flag} {path}: --{other} has the same file; give another name")


def as_flags(text: str) -> str:
    """Replace parameters in a message of the library, written as `this`, with flags."""
    return re.sub(r"`(\w+)`", lambda found: _flag(found[1]) or found[0], text)


def _flag(name: str) -> str:
    return f"--{name}" if name in flags.FLAGS else ""


def _end(number: int, _: object) -> NoReturn:
    sys.exit(_ENDED + number)


def _hint(error: Exception) -> str:
    """A hint for a file name that was read as a flag."""
    files = [name for name in sys.argv[1:] if name.startswith("-") and os.path.exists(name)]
    if not files or not isinstance(error, flags.UnrecognizedFlagError):
        return ""
    return f"; a file is given as ./{shown(files[0])}"


def _help(main: Callable) -> None:
    print((sys.modules[main.__module__].__doc__ or "").strip())
    print(flags.FLAGS.main_module_help())


def _call(main: Callable) -> None:
    prepare_tensorflow()
    with needed_by(_name(main)):
        positional = flags.FLAGS(sys.argv)[1:]
        _check_reports()
        main(positional)


def _name(main: Callable) -> str:
    """The command's name: train for python -m tfsr.train, export for tfsr.export.__main__."""
    spec = sys.modules[main.__module__].__spec__
    return spec.name.removeprefix("tfsr.").removesuffix(".__main__") if spec else "tfsr"


def prepare_tensorflow() -> None:
    """Let TensorFlow start silently and without Keras 3; variables that are set already stay so.

    Its C++ code prints notices while TensorFlow is imported. To import Keras 3, which tfsr does not
    use, takes as long as half of TensorFlow. So call this before TensorFlow is imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)


@functools.cache
def quiet_decoders() -> None:
    """Hide what C libraries print on the terminal: mpg123 reports each damaged frame.

    Output of Python is still shown. Set TF_CPP_MIN_LOG_LEVEL yourself to see everything.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3":
        sys.stderr.flush()
        told = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = _guarded(told)


def share_one_heap() -> None:
    """Let all threads allocate from one heap, where the C library is glibc.

    Otherwise each TensorFlow thread keeps the memory that it has freed. This is about 300 MB when a
    long recording is upsampled, and saves no time. Call this before TensorFlow starts its threads.
    """
    if mallopt := _of_c_library("mallopt"):
        mallopt(_M_ARENA_MAX, 1)


def return_free_memory() -> None:
    """Return free heap memory to the system, where the C library is glibc.

    The initial weights leave holes, 600 MB in VoiceFixer.
    """
    if malloc_trim := _of_c_library("malloc_trim"):
        malloc_trim(0)


def _of_c_library(name: str) -> Callable | None:
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
