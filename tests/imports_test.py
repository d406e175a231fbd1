"""The house keeps its floors: a module imports only from floors below its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "tfsr"
FLOORS = [
    {"errors", "names", "nest"},
    {"arguments", "postponed"},
    {
        *("atomic_files", "backend", "description", "folder_lock", "model_card"),
        *("optional_imports", "signal"),
    },
    {"audio_file", "model_config", "plot", "seal"},
    {"degradation", "losses", "layers", "model_folder"},
    {"data", "networks"},
    {"upsamplers", "lite"},
    {"inference"},
    {"cluster", "telephony", "training"},
    {"convert", "evaluation", "export", "presets"},
    {
        *(
            "command",
            "gin_config",
            "gin_kinds",
            "gin_names",
            "train",
            "evaluate",
            "upsample",
            "restore",
            "bulk",
            "file_command",
            "prepare",
            "rooms",
            "runner_flags",
            "score",
            "summarize",
        ),
        *("compare", "listen", "list", "live", "loading", "model", "api", "__main__"),
    },
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
# Files, or rooms.
ONE_PLACE = {
    "ai_edge_litert": {"lite", "export"},
    "tensorflow_io": {"audio_file/reading.py"},
    "soundfile": {"audio_file/sndfile.py", "audio_file/encoders.py", "audio_file/writer.py"},
    "av": {"audio_file/ffmpeg.py", "audio_file/encoders.py", "audio_file/writer.py"},
    "tensorflow_probability": {"layers/bijectors.py"},
    "tensorflow_serving": {"export/warm_up.py"},
    "apache_beam": {"cluster/beam.py"},
    "gin": {"gin_config.py", "gin_names.py"},
}
# What must import where these are not installed: modules, and rooms with all that is in them.
HEAVY = (
    *("tensorflow", "tf_keras", "tensorflow_io", "tensorflow_probability"),
    *("librosa", "gin", "matplotlib"),
)
LIGHT = (
    *("errors", "arguments", "names", "nest", "backend", "optional_imports"),
    *("atomic_files", "seal", "audio_file", "lite", "inference", "telephony"),
    *("convert.checkpoint", "convert.known_globals", "convert.pickled", "convert.pytorch"),
    *("convert.safetensors", "convert.tensors"),
    *("signal.resample", "signal.power", "signal.bandwidth", "signal.speech", "signal.damage"),
    *("presets", "file_command", "runner_flags"),
    *("command", "upsample", "list", "loading", "model", "api", "__main__"),
    "evaluation.protocol_names",
)
# Takes longer to import than a call to upsample.
SLOW = ("scipy",)
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_command(path: Path) -> bool:
    """Or the package itself, which is the door to the house."""
    return (
        path.name == "__main__.py"
        or path == ROOT / "__init__.py"
        or FLOOR.get(path.stem) == len(FLOORS) - 1
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_come_from_floors_below(path):
    relative = path.relative_to(ROOT)
    room = relative.parts[0].removesuffix(".py")
    floor = len(FLOORS) - 1 if is_command(path) else FLOOR.get(room, -1)
    for name in imports(path):
        first, _, rest = name.partition(".")
        if first in ONE_PLACE:
            assert {str(relative), room} & ONE_PLACE[first]
        if first == "absl":
            assert is_command(path) or room == "command"
        other = rest.split(".")[0]
        if first == "tfsr" and other in FLOOR and other != room:
            same_floor = floor == FLOOR[other] == len(FLOORS) - 1
            assert FLOOR[other] < floor or same_floor, f"{relative} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_keras_is_tf_keras(path):
    names = imports(path)
    assert not {"keras", "tensorflow.keras"} & names
    assert "tf.keras" not in path.read_text().replace("`tf.keras`", "")


def run_without(names: tuple[str, ...], program: str) -> None:
    without = f"import sys; sys.modules.update(dict.fromkeys({names}))"
    command = [sys.executable, "-c", f"{without}\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_light_rooms_import_without_tensorflow():
    modules = [".".join(path.relative_to(ROOT.parent).with_suffix("").parts) for path in FILES]
    inside = [name for name in modules if f"{name}.".startswith(tuple(f"tfsr.{x}." for x in LIGHT))]
    assert len(inside) > 40
    run_without(HEAVY, "\n".join(f"import {name}" for name in inside))


@pytest.mark.parametrize(
    "modules",
    [
        "tfsr.upsample, tfsr.inference.file_jobs, tfsr.presets, tfsr.lite.backend",
        "tfsr.live, tfsr.inference.live, tfsr.telephony.server, tfsr.loading",
    ],
)
def test_what_upsamples_imports_nothing_slow(modules):
    run_without(HEAVY + SLOW, f"import {modules}")
