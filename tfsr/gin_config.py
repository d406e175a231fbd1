"""Gin, kept outside the library: it turns configuration files into an Experiment.

Configurations name modules and classes (`from __gin__ import dynamic_registration`). So nothing in
the library is decorated or registered. A name that does not exist is refused.
"""

import ast
import contextlib
import dataclasses
import io
import os
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import gin
import tf_keras as keras

from tfsr import presets
from tfsr.atomic_files import write_text
from tfsr.errors import UserError
from tfsr.gin_kinds import fits, kinds, words
from tfsr.gin_names import CONFIGS_LIE_IN, Allowed
from tfsr.model_config import OPERATIVE, RUN_MODEL
from tfsr.model_folder import random_state_kept
from tfsr.training.checkpoints import restore
from tfsr.training.experiment import Experiment

# Settings that runs of older versions tell.
_RENAMED = {
    ".halo_seconds =": ".context_seconds =",
    "decimation.SincHann(": "decimation.SincHannDecimation(",
}
_MODULES_RENAMED = {
    ("tfsr.losses", "regression"): "waveform_distances",
    ("tfsr.losses", "spectral"): "spectral_distances",
    ("tfsr.networks", "spectral"): "upper_bins",
}
_IMPORT = re.compile(r"^from (\S+) import (\w+)(?: as (\w+))?$", re.MULTILINE)
# Settings of discriminators, which had other parts.
_OF_EARLIER_DISCRIMINATORS = re.compile(
    r"^[^#\n]*(\bjudged\.Jury\b|\bAdversarial\.critic)", re.MULTILINE
)

# What gin knows, in dicts and sets of its own.
_STATE = ("_CONFIG", "_IMPORTS", "_OPERATIVE_CONFIG", "_SINGLETONS")
_MACRO = "gin.macro"
_IN_CALL = "\n  In call to configurable "  # added by gin, with a name in quotes
# What gin lets through from its tokenizer, from imports that do not exist, and of its own.
_PARSE_ERRORS = (
    *(AttributeError, ImportError, NameError, OSError, SyntaxError, ValueError),
    RecursionError,  # of a file that includes itself
    tokenize.TokenError,
)


def experiment(
    gin_files: Sequence[str],
    bindings: Sequence[str],
    allow_import: Sequence[str] = (),
    only_used: bool = False,
) -> Experiment:
    """Parse files and `--gin_param` bindings and build what they describe.

    The macro SEED sets the initial weights (0 where a configuration has none).

    Args:
        gin_files: configurations; they are run as code unless `only_used`.
        bindings: settings that override those of the files.
        allow_import: modules outside tfsr that the files may import.
        only_used: allow only classes and functions that compute, as `load_run` does.

    Raises:
        UserError: a file is missing, or a name or value in it is wrong; the message names it.
    """
    texts = _parse(gin_files, bindings, Allowed(allow_import, only_used))
    _refuse_empty(gin_files)
    keras.utils.set_random_seed(_seed())
    return _built(bindings, texts, allow_import)


def load_run(
    run_dir: str | Path,
    bindings: Sequence[str] = (),
    gin_files: Sequence[str] = (),
    allow_import: Sequence[str] = (),
) -> Experiment:
    """The experiment of a run directory, with the weights of its newest good checkpoint.

    Gin's earlier settings and the seeds of random numbers stay unchanged. Of what the run names,
    only parts of tfsr that compute are imported or called.

    Args:
        bindings: settings to change in the run, such as another degradation.
        gin_files: configurations with such settings, read before the bindings.
        allow_import: other modules that the run and these settings may import; their code is
            trusted.

    Raises:
        UserError: a name in it is wrong or not allowed, or there is no readable checkpoint.
    """
    with _settings_kept(), random_state_kept():
        allowed = Allowed(allow_import, only_used=True)
        files = [operative_config(run_dir), *gin_files]
        texts = _parse(files, bindings, allowed)
        _refuse_empty(files)
        built = _built(bindings, texts, allow_import)
        initialize(built, allow_import)
        restore(built.upsampler, Path(run_dir))
    return built


def initialize(experiment: Experiment, allow_import: Sequence[str]) -> None:
    """Create the weights of the built experiment.

    Raises:
        UserError: the settings do not fit together.
    """
    with _fitting(allow_import):
        experiment.upsampler.initialize()


def _seed() -> int:
    seed = _macros().get("SEED", 0)
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise UserError(f"configuration: SEED wants a whole number from 0 to 2**32 - 1, not {seed}")
    return seed


def _built(
    bindings: Sequence[str], texts: Sequence[str], allow_import: Sequence[str]
) -> Experiment:
    with _fitting(allow_import):
        built = gin.get_configurable(Experiment)()
    _refuse_other_kinds()
    _refuse_unread(bindings, texts)
    found = {part: str(presets.located(model)) for part, model in built.pretrained.items()}
    return dataclasses.replace(built, pretrained=found)


@contextlib.contextmanager
def _fitting(allow_import: Sequence[str]) -> Iterator[None]:
    """Turn an error about values into one line. Errors in user code keep their traceback."""
    try:
        yield
    except UserError as error:  # to which gin has added what it was calling
        _refuse_other_kinds()  # which can tell a macro
        raise UserError(str(error).partition(_IN_CALL)[0]) from error
    # What it is depends on the class that an unfit value was given to.
    except Exception as error:
        _refuse_other_kinds()
        if allow_import:
            raise
        message, _, calls = str(error).partition(_IN_CALL)
        _, made, _ = calls.split("'", 2) if calls else ("", "", "")
        whose = f"the values of {made}" if made else "its values"
        reason = " ".join(message.split())
        raise UserError(
            f"configuration: {whose} do not fit ({type(error).__name__}: {reason[:300]})"
        ) from error


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Restore gin's settings at the end, for programs that also use gin.

    Gin has no function for this. To parse gin's printed settings again would forget where each
    setting was made.
    """
    known = [getattr(gin.config, name) for name in _STATE]
    # No deeper: to copy a reference would make what it refers to.
    before = [_copied(one) for one in known]
    prefixes, locked = list(gin.config._LOCATION_PREFIXES), gin.config_is_locked()
    try:
        yield
    finally:
        for one, kept in zip(known, before, strict=True):
            one.clear()
            one.update(kept)
        gin.config._LOCATION_PREFIXES[:] = prefixes
        gin.config._set_config_is_locked(locked)


def _copied(known: dict | set) -> dict | set:
    if isinstance(known, set):
        return set(known)
    return {n: dict(value) if isinstance(value, dict) else value for n, value in known.items()}


def operative_config(run_dir: str | Path) -> str:
    """The path of a run's configuration; UserError if there is none."""
    path = Path(run_dir) / OPERATIVE
    if not path.exists():
        raise UserError(
            f"{run_dir}: no {OPERATIVE} there, so it holds no run that a configuration describes; "
            f"begin one with "
            f"python -m tfsr.train --gin FILE --run_dir {run_dir}"
        )
    return str(path)


def write_operative_config(run_dir: Path) -> None:
    """Store all settings of the run, with defaults, unless another run has begun there.

    When a run is resumed, only its duration and intervals (parameters of Experiment) may change.

    Raises:
        UserError: the directory holds a run with other settings; the message names one.
    """
    path, config = run_dir / OPERATIVE, gin.operative_config_str()
    if path.exists() and any((run_dir / "checkpoints").glob("*.index")):
        _refuse_other_settings(path, config)
    try:
        write_text(path, config)
    except UserError as error:
        raise UserError(f"{error}; give another --run_dir") from error


@contextlib.contextmanager
def _reading(allowed: Allowed) -> Iterator[list[str]]:
    """Let gin read allowed files and the files that they include. Yields the list of their texts.

    Gin has another reader. It takes the folder of "configs/x.gin" for a Python package. If there
    is no such package, it fails or prints a message.
    """
    readers, texts = gin.config._FILE_READERS[:], []

    def opened(path: str) -> TextIO:
        file = io.StringIO(_text(Path(path)))
        file.name = path  # gin's messages tell it
        allowed.check(file.getvalue(), path)
        texts.append(file.getvalue())
        return file

    gin.config._FILE_READERS[:] = [(opened, os.path.isfile)]
    try:
        yield texts
    finally:
        gin.config._FILE_READERS[:] = readers


def _text(path: Path) -> str:
    """The text of a configuration, with old names replaced by today's.

    Raises:
        UserError: it sets discriminators in the way of an earlier version.
    """
    text = path.read_text()
    if _OF_EARLIER_DISCRIMINATORS.search(text):
        raise UserError(
            f"{path}: sets discriminators as an earlier tfsr did; Adversarial.discriminators has "
            f"taken their place. Upsampling and export use a run's folder {RUN_MODEL} as before. "
            "To train, take today's configuration (configs/) and another --run_dir; "
            "Experiment.pretrained = {'network': 'RUN'} begins with the network of a run"
        )
    for old, new in _RENAMED.items():
        text = text.replace(old, new)
    return _IMPORT.sub(_import_of_today, text)


def _import_of_today(found: re.Match) -> str:
    """An import, under the name that later settings use."""
    package, module, alias = found.groups()
    today = _MODULES_RENAMED.get((package, module))
    return f"from {package} import {today} as {alias or module}" if today else found[0]


def _parse(gin_files: Sequence[str], bindings: Sequence[str], allowed: Allowed) -> list[str]:
    """Let gin parse everything; returns the texts of the files."""
    gin.clear_config()
    for folder in CONFIGS_LIE_IN:
        gin.add_config_file_search_path(str(folder))
    with _reading(allowed) as texts:
        for path in gin_files:
            with _in_one_line(path):
                gin.parse_config_file(path)
    imports = _imports()
    for binding in bindings:
        _refuse_new_macro(binding)
        with _in_one_line(binding):
            allowed.check(imports + binding, f"--gin_param {binding}")
            gin.parse_config(imports + binding)
    gin.finalize()
    return texts


def _imports() -> str:
    """The import statements of the files. Gin needs them again before a binding can use them."""
    lines = gin.config_str().splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith(("from ", "import ")))


@contextlib.contextmanager
def _in_one_line(source: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:  # to which gin has added the lines of those that include it
        raise UserError(" ".join(str(error).partition("\n  In ")[0].split())) from error
    except _PARSE_ERRORS as error:
        raise UserError(f"configuration {source}: {' '.join(str(error).split())}") from error


def _refuse_new_macro(binding: str) -> None:
    """Refuse a macro that no file sets: nothing would read it, so it is probably misspelt."""
    name = binding.partition("=")[0].strip()
    if "." not in name and name not in _macros():
        raise UserError(
            f"--gin_param {binding}: no configuration file has {name}; "
            f"it may be one of {', '.join(sorted(_macros()))}"
        )


def _refuse_empty(gin_files: Sequence[str]) -> None:
    """Refuse files that set no parameter of Experiment."""
    made = {name.rpartition(".")[2] for _, name in gin.config._CONFIG}
    if Experiment.__name__ not in made:
        raise UserError(
            f"{', '.join(gin_files)}: sets no parameter of experiment.Experiment, so it "
            "describes nothing; if a run was damaged, get the file again"
        )


def _refuse_unread(bindings: Sequence[str], texts: Sequence[str]) -> None:
    """Refuse settings that nothing reads: a `--gin_param`, or a macro that no file names.

    (A macro or binding of a file is allowed: a later setting may have replaced what reads it.)
    """
    read = {_short(name) for name in _settings(gin.operative_config_str())}
    read |= {name.rpartition("/")[2] for name in read}  # one that a scoped object inherits
    named = read | {name for text in texts for name in re.findall(r"%(\w+)", text)}
    wanted = {_short(binding.partition("=")[0].strip()) for binding in bindings}
    unread = sorted((wanted - read) | (set(_macros()) - named))
    if unread:
        names = ", ".join(unread)
        raise UserError(f"configuration: {names} is set, but nothing uses it; is it misspelt?")


def _refuse_other_kinds() -> None:
    """Refuse values of the wrong kind for the parameters of the classes that were called."""
    called = {selector for _, selector in gin.config._OPERATIVE_CONFIG} - {_MACRO}
    for (scope, selector), values in gin.config._CONFIG.items():
        if selector not in called:
            continue
        wanted = kinds(gin.config._REGISTRY[selector].wrapped)
        for name, given in values.items():
            value, macro = _followed(given)
            if name in wanted and not fits(value, wanted[name], _is_reference):
                short = _short(f"{scope}/{selector}.{name}".lstrip("/"))
                by = f" (by {macro})" if macro else ""
                raise UserError(
                    f"configuration: {short}{by} wants {words(wanted[name])}, not {value!r:.80}"
                )


def _followed(value: Any) -> tuple[Any, str]:
    """A value and "", or the value and the name of the macro that the value refers to."""
    macro = ""
    while _is_reference(value) and value.selector == _MACRO:
        macro = value.config_key[0]
        known = gin.config._CONFIG.get((macro, _MACRO), {})
        if "value" not in known:
            break
        value = known["value"]
    return value, macro


def _is_reference(value: Any) -> bool:
    return isinstance(value, gin.config.ConfigurableReference)


def _short(name: str) -> str:
    """A parameter without its modules: scope/package.module.Class.x becomes scope/Class.x."""
    scope, slash, selector = name.rpartition("/")
    return scope + slash + ".".join(selector.split(".")[-2:])


def _macros() -> dict:
    """Macro name -> value, of all parsed macros."""
    found = re.findall(r"^(\w+) = (.+(?:\n    .+)*)$", gin.config_str(), re.MULTILINE)
    return {name: _literal(value) for name, value in found}


def _literal(text: str):
    try:
        return ast.literal_eval(text.replace("\\\n", "").strip())
    except (SyntaxError, ValueError):
        return text


def _refuse_other_settings(path: Path, config: str) -> None:
    kept, wanted = _identity(_text(path)), _identity(config)
    for name in sorted(kept.keys() | wanted.keys()):
        if kept.get(name) != wanted.get(name):
            raise UserError(
                f"{path.parent} holds a run with {name} = {kept.get(name)}, not "
                f"{wanted.get(name)}: give another --run_dir, or leave out --gin to resume that run"
            )


def _identity(config: str) -> dict[str, str]:
    """The settings that identify a run: all except its duration and intervals."""
    schedule = re.compile(r"(experiment\.)?Experiment\.(steps|\w+_every|keep)$|STEPS$")
    return {name: value for name, value in _settings(config).items() if not schedule.match(name)}


def _settings(config: str) -> dict[str, str]:
    """Bindings and macros by name."""
    pairs = re.findall(r"^([\w./]+) = (.+)$", config.replace("\\\n", " "), re.MULTILINE)
    return {name: " ".join(value.split()) for name, value in pairs}
