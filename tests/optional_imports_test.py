"""In processes that lack packages, commands say what installs them."""

import json
import sys
import types

import pytest

from tfsr.errors import UserError
from tfsr.optional_imports import available, load, needed_by


def test_what_is_there_is_imported():
    assert load("json") is json
    assert load("json.decoder").JSONDecoder


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("skimage.metrics", r"skimage is not installed: pip install 'tfsr\[eval\]'"),
        ("distillmos", r"distillmos is not installed: pip install 'tfsr\[listeners\]'"),
        ("tensorflow_io", r"tensorflow-io is not installed: pip install 'tfsr\[io\]'"),
    ],
)
def test_what_is_missing_is_said(monkeypatch, module, message):
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    with pytest.raises(UserError, match=message):
        load(module)


def test_what_needs_no_package_or_one_that_is_there_is_available(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    bare, there, missing = (types.SimpleNamespace(package=name) for name in (None, "json", "pesq"))
    assert available({"a": bare, "b": missing, "c": there}) == {"a": bare, "c": there}


def test_what_needs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with (
        pytest.raises(UserError, match=r"train needs TensorFlow: pip install 'tfsr\[train\]'"),
        needed_by("train"),
    ):
        import tensorflow.python.eager  # noqa: F401


def test_a_module_that_is_no_package_of_ours_stays_an_error():
    with pytest.raises(ModuleNotFoundError, match="nowhere"), needed_by("train"):
        import nowhere  # noqa: F401


@pytest.mark.parametrize("there", [False, True])
def test_what_a_package_imports_for_nothing_need_not_load(monkeypatch, tmp_path, there):
    """torchaudio, whose build may not fit that of PyTorch."""
    (tmp_path / "distillmos.py").write_text("import torchaudio\nseen = torchaudio")
    (tmp_path / "torchaudio.py").write_text("raise OSError('libc10_cuda.so: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("distillmos", "torchaudio"):
        monkeypatch.setitem(sys.modules, module, None)  # so that what is there comes back
        del sys.modules[module]
    mine = types.ModuleType("torchaudio")
    if there:
        monkeypatch.setitem(sys.modules, "torchaudio", mine)
    assert (load("distillmos").seen is mine) == there
    assert sys.modules.get("torchaudio") is (mine if there else None)
