import base64
import io
import json
import wave

import numpy as np
import pytest

from tfsr.evaluation import page


def test_document_holds_style_and_scripts_and_no_other_address(parse_page):
    text = page.document("a < b", "<p>here</p>", ("player.css",), ("player.js",))
    parsed = parse_page(text)
    assert "a < b" in parsed.words
    assert "class Player" in text and ".transport" in text
    assert not [a for _, a in parsed.elements if {"src", "href"} & set(a)]


@pytest.mark.parametrize(
    "name", ["page.css", "player.css", "compare.css", "listen.css", "listen.html"]
)
def test_files_ask_nothing_of_the_network(name):
    assert "url(" not in page.text_of(name) and "http" not in page.text_of(name)


def test_data_cannot_end_its_element(parse_page):
    value = {"x": "</script><b>"}
    parsed = parse_page(page.json_element("data", value))
    assert parsed.elements == [("script", {"type": "application/json", "id": "data"})]
    assert json.loads("".join(parsed.words)) == value


def test_samples_beyond_full_scale_are_clipped():
    with wave.open(io.BytesIO(page.wav(np.array([2.0, -2.0, np.nan]), 8000))) as file:
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [32767, -32767, 0]


def test_addresses_hold_their_content():
    sound = np.array([0.5, -0.5])
    head, _, content = page.sound_url(sound, 8000).partition(",")
    assert head == "data:audio/wav;base64"
    assert base64.b64decode(content) == page.wav(sound, 8000)
    assert page.png_url(b"\x89PNG") == "data:image/png;base64,iVBORw=="
