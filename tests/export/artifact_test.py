import numpy as np
import pytest

import tfsr
from tfsr.errors import UserError
from tfsr.export.artifact import Artifact
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
