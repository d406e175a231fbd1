"""The examples in docstrings and in the guide to Python run, and nothing public is without one."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tfsr

ROOT = Path(__file__).parents[1]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "tfsr").rglob("*.py")
    if ">>> " in path.read_text()
)
NO_EXAMPLES = {"UserError"}


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_run(module, folder_of_clips, monkeypatch):
    monkeypatch.chdir(folder_of_clips)
    results = doctest.testmod(importlib.import_module(module))
    assert results.attempted and not results.failed


def public() -> dict[str, object]:
    """All that `import tfsr` offers, with the methods and properties of its classes."""
    found = {name: getattr(tfsr, name) for name in tfsr.__all__ if name not in NO_EXAMPLES}
    for name, thing in list(found.items()):
        methods = vars(thing).items() if inspect.isclass(thing) else ()
        found |= {f"{name}.{n}": m for n, m in methods if inspect.isfunction(m) and n[0] != "_"}
    return found


@pytest.mark.parametrize("name", public())
def test_nothing_public_is_without_an_example(name):
    assert ">>> " in inspect.getdoc(public()[name])


@pytest.mark.usefixtures("eagerly")
def test_the_guide_runs(folder_of_clips, monkeypatch):
    """Each block of docs/library.md after the one before, as somebody would who follows it."""
    monkeypatch.chdir(folder_of_clips)
    text = (ROOT / "docs" / "library.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) > 5
    noise = np.random.default_rng(1).normal(0, 0.1, 8000)
    known = {"audio": noise, "blocks": np.split(noise, 10), "play": len}
    for block in blocks:
        exec(block, known)


@pytest.fixture
def folder_of_clips(tmp_path) -> Path:
    """What examples name: a call, and half a second of clips at 16 kHz."""
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "call.wav", random.normal(0, 0.1, 8000), 8000)
    (tmp_path / "clips").mkdir()
    for path in "original.wav", "clips/a.wav", "clips/b.wav":
        soundfile.write(tmp_path / path, random.normal(0, 0.1, 16_000), 16_000)
    soundfile.write(tmp_path / "low.wav", random.normal(0, 0.1, 8000), 8000)
    soundfile.write(tmp_path / "wide.wav", random.normal(0, 0.1, 16_000), 16_000)
    return tmp_path
