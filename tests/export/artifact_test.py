import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tfsr
from tfsr.errors import UserError
from tfsr.export.artifact import Artifact
from tfsr.export.properties import FILE, read
from tfsr.export.saved_model import export_saved_model
from tfsr.export.tflite import export_tflite
from tfsr.model_card import ModelCard, Source

SOURCES = [{"corpus": "words", "licence": "CC0"}, {"corpus": "more", "licence": "CC BY 4.0"}]


@pytest.fixture(scope="module", params=[export_saved_model, export_tflite])
def write(request):
    return request.param


@pytest.fixture(scope="module", params=["unet", "drawing"])
def exported(request, write, upsamplers, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "exported"
    upsampler = upsamplers[request.param]
    upsampler.card = ModelCard(training_data=tuple(Source(**source) for source in SOURCES))
    write(upsampler, path)
    yield upsampler, path
    upsampler.card = ModelCard()


def test_it_tells_what_it_is(exported):
    upsampler, path = exported
    assert Artifact(path).properties == {
        "tfsr": tfsr.__version__,
        **{"input_rate": 8000, "output_rate": 8000 * upsampler.ratio, "ratio": upsampler.ratio},
        **{"noise_steps": upsampler.noise_steps, "hop": upsampler.hop, "latency_ms": None},
        **{"receptive_field": upsampler.receptive_field, "condition_field": 0},
        **{"chunk": 32000, "context": None, "fade": 0, "frame_rate": None},
        **{"peaks": None, "restores": False, "samples": None},
        "training_data": SOURCES,
    }


def test_equals_keras(exported, assert_equal):
    upsampler, path = exported
    artifact = Artifact(path)
    assert_equal(upsampler, lambda low, *noise: artifact(low, 8000, *noise))


def test_another_rate_is_refused(exported):
    with pytest.raises(UserError, match="exported: takes audio at 8000 Hz, not 44100"):
        Artifact(exported[1])(np.zeros([1, 100], np.float32), 44100)


def changed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_changed_saved_model_is_refused(upsamplers, tmp_path):
    export_saved_model(upsamplers["unet"], tmp_path / "a")
    for name in "saved_model.pb", "variables/variables.data-00000-of-00001":
        whole = (tmp_path / "a" / name).read_bytes()
        (tmp_path / "a" / name).write_bytes(changed(whole, len(whole) // 2))
        with pytest.raises(UserError, match=r"a: is not as it was exported \(SHA-256\)"):
            Artifact(tmp_path / "a")
        (tmp_path / "a" / name).write_bytes(whole)
    assert Artifact(tmp_path / "a").properties["input_rate"] == 8000


@pytest.fixture(scope="module")
def saved(upsamplers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "a"
    export_saved_model(upsamplers["unet"], folder)
    return folder


@pytest.fixture
def change(saved, tmp_path):
    """Writes what a copy tells anew, after a change, and gives the copy."""

    def change(name: str, value: object, sealed: bool = False) -> Path:
        shutil.copytree(saved, tmp_path / "a")
        content = json.loads((saved / FILE).read_text())
        content[name] = value
        if not sealed:
            del content["seal"]
        (tmp_path / "a" / FILE).write_text(json.dumps(content))
        return tmp_path / "a"

    return change


@pytest.mark.parametrize(
    "name, value",
    [("input_rate", 16000), ("training_data", [7]), ("seal", "0" * 64), ("seal", 7), ("more", 1)],
)
def test_what_it_tells_is_sealed_too(change, name, value):
    with pytest.raises(UserError, match=r"a: is not as it was exported \(SHA-256\)"):
        read(change(name, value, sealed=True))


def test_an_older_saved_model_opens_with_a_warning(change, caplog):
    assert read(change("hop", 5))["hop"] == 5
    (told,) = caplog.messages
    assert "earlier tfsr, which did not seal the rates and licences" in told


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("input_rate", "many", r"properties\.input_rate: wants a whole number, not 'many'"),
        ("input_rate", float("nan"), r"properties\.input_rate: wants a whole number"),
        ("input_rate", -8000, r"properties\.input_rate: wants a number above 0, not -8000"),
        ("restores", 1, r"properties\.restores: wants true or false"),
        ("training_data", [{"corpus": 7}], r"properties\.training_data\[0\]: has no 'licence'"),
        ("peaks", "loud", r"properties\.peaks: wants a list or null"),
    ],
)
def test_properties_of_other_kinds_are_told(change, name, value, told):
    with pytest.raises(UserError, match=f"a: {told}.*; export it again"):
        read(change(name, value))


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", "null", '{"sha256": {}', "\xff"])
def test_what_tells_nothing(saved, tmp_path, text):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match="no SavedModel of tfsr's .assets.extra/tfsr.json cannot"):
        read(tmp_path)


def test_a_changed_tflite_file_is_refused(upsamplers, tmp_path):
    path = tmp_path / "a.tflite"
    export_tflite(upsamplers["unet"], path)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(8, len(whole), 30):
        path.write_bytes(changed(whole, place))
        with pytest.raises(UserError, match="a.tflite: (is not as it was|no TensorFlow Lite file)"):
            Artifact(path)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(5000)])
def test_what_is_not_an_artifact(tmp_path, content):
    (tmp_path / "a.tflite").write_bytes(content)
    for name in "a.tflite", "", "missing.tflite":
        with pytest.raises(UserError, match=str(tmp_path / name)):
            Artifact(tmp_path / name)
