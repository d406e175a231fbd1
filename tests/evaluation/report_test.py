import dataclasses
import io
import os
import wave

import numpy as np
import pytest
from PIL import Image

from tfsr.degradation.decimation import Decimate
from tfsr.errors import UserError
from tfsr.evaluation import report
from tfsr.evaluation.evaluate import evaluate
from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.upsamplers.interpolation import Interpolation


@pytest.fixture(scope="module")
def results(sounds):
    upsampler = Interpolation(8000, 16000)
    recordings = [
        dataclasses.replace(sound, name=f"<{sound.name}> & co") for sound in sounds(9000, 5001)
    ]
    tfsr = PROTOCOLS["tfsr"]
    return evaluate(upsampler, tfsr.test_set(recordings, Decimate()), tfsr, system="my <system>")


@pytest.fixture(scope="module")
def page(results, parse_page):
    return parse_page(report.page(results))


class TestPage:
    def test_says_what_was_evaluated(self, page, results):
        text = " ".join(page.words)
        for fact in ("my <system>", "tfsr", "8000 -> 16000 Hz", results.files_hash, "Chebyshev"):
            assert fact in text
        assert "<a/0.wav> & co" in text

    def test_has_every_score(self, page, results):
        cells = [word for word in page.words if word.strip()]
        for scores in [*results.means.values(), *(f.scores["linear"] for f in results.files)]:
            for value in scores.values():
                assert f"{value:.3f}" in cells
        means, intervals, differences, files = 1 + 4, 1 + 4, 1 + 3, 1 + 2 * 4
        rows = sum(tag == "tr" for tag, _ in page.elements)
        assert rows == means + intervals + differences + files

    def test_every_picture_decodes(self, page):
        pictures = [Image.open(io.BytesIO(png)) for png in page.sources("img")]
        assert len(pictures) == 2 * 4
        for picture in pictures:
            assert picture.format == "PNG"
            picture.load()

    def test_every_player_plays_the_signal(self, page, results):
        files = page.sources("audio")
        panels = [panel for example in results.examples for panel in example.panels]
        assert len(files) == len(panels)
        for content, panel in zip(files, panels, strict=True):
            with wave.open(io.BytesIO(content)) as file:
                assert (file.getframerate(), file.getnchannels()) == (panel.rate, 1)
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            expected = np.clip(panel.waveform, -1, 1)
            np.testing.assert_allclose(samples / 32767, expected, atol=0.51 / 32767)

    def test_needs_nothing_from_elsewhere(self, page, results):
        assert not {"script", "link", "iframe"} & {tag for tag, _ in page.elements}
        for _, attributes in page.elements:
            assert "href" not in attributes
            assert attributes.get("src", "data:").startswith("data:")
        assert "url(" not in report.page(results)
        assert "http" not in report.page(results).replace("data:", "").split("<body>")[0]

    def test_every_picture_has_a_description(self, page):
        descriptions = [a["alt"] for tag, a in page.elements if tag == "img"]
        assert descriptions[0] == "Spectrogram of low, 8000 Hz"


class TestWritePage:
    def test_makes_the_folder_and_leaves_one_file(self, results, tmp_path):
        path = report.write_page(dataclasses.replace(results, examples=()), tmp_path / "a" / "b")
        assert path == tmp_path / "a" / "b" / "index.html"
        assert os.listdir(path.parent) == ["index.html"]

    def test_folder_below_a_file(self, results, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="file"):
            report.write_page(results, tmp_path / "file")
