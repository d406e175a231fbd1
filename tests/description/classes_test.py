"""The closed list is complete: what tfsr has for users can be written down."""

import importlib
import inspect
from pathlib import Path

import pytest
import tf_keras as keras

import tfsr
from tfsr.description.classes import CLASSES, FUNCTIONS, name_of, named
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.upsamplers.base import Upsampler

ROOT = Path(tfsr.__file__).parent
# What others are made of.
BASES = {
    *("OnFrames", "SpectralCritics", "Whitening", "Upsampler", "Trainable"),
    *("Restoration", "Reconstruction", "Framewise", "SpectralTrunk"),
}


def public_classes(room: str) -> list[type]:
    modules = [importlib.import_module(f"tfsr.{room}.{p.stem}") for p in (ROOT / room).glob("*.py")]
    found = [c for module in modules for _, c in inspect.getmembers(module, inspect.isclass)]
    return [c for c in found if c.__module__.startswith(f"tfsr.{room}.") and c.__name__[0] != "_"]


@pytest.mark.parametrize("room, kind", [("networks", keras.Model), ("upsamplers", Upsampler)])
def test_networks_and_upsamplers_are_on_it(room, kind):
    for cls in public_classes(room):
        if issubclass(cls, kind) and cls.__name__ not in BASES:
            assert name_of(cls, CLASSES), cls
            assert issubclass(cls, Describable)


def test_all_losses_that_are_objects_are_on_it():
    assert all(name_of(cls, CLASSES) for cls in public_classes("losses"))


@pytest.mark.parametrize("table", [CLASSES, FUNCTIONS])
def test_all_that_is_on_it_is_there(table):
    for name in table:
        assert callable(named(name, table, "here"))


def test_functions_have_no_settings_that_would_be_lost():
    for name in FUNCTIONS:
        parameters = inspect.signature(named(name, FUNCTIONS, "here")).parameters.values()
        assert all(parameter.default is parameter.empty for parameter in parameters)


def test_another_class_of_the_same_name_is_not_it():
    assert name_of(type("Spectral", (), {}), CLASSES) is None
    with pytest.raises(UserError, match="here: 'Spectrals' is nothing that tfsr has"):
        named("Spectrals", CLASSES, "here")
