"""export/web in a browser: what it makes of recordings, and what it tells of mistakes."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import struct
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tfsr
from tfsr.data.bundled import Bundled

ROOT = Path(__file__).parents[2]
WEB = ROOT / "export" / "web"
PACKAGES = WEB / "node_modules"
CALLS, SPEECH = "telephony-8k-16k", "speech-16k-x2"

pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="no node: apt-get install nodejs npm"),
    pytest.mark.skipif(not PACKAGES.exists(), reason="no LiteRT.js: npm ci --prefix export/web"),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class WebPage:
    """The page in a browser, as somebody uses it."""

    def __init__(self, browser, downloads: Path):
        self.browser, self._downloads = browser, downloads

    def __getitem__(self, name: str):
        return self.browser.find_element("id", name)

    @property
    def status(self) -> str:
        return self["status"].text

    def wait(self, condition, what: str) -> None:
        end = time.monotonic() + self.browser.timeouts.script
        while not condition():
            assert time.monotonic() < end, f"{what}: {self.status}"
            time.sleep(0.02)

    def give(self, path: Path, tells: str = "is ready") -> None:
        self["file"].send_keys(str(path))
        wanted = f"{path.name}: {tells}" if tells != "is ready" else f"{path.name} is ready"
        self.wait(lambda: self.status.startswith(wanted), wanted)

    def choose(self, preset: str) -> None:
        self.browser.find_element("css selector", f"input[value={preset}]").click()

    def download(self, name: str) -> tuple[np.ndarray, int]:
        path = self._downloads / f"{name}.tfsr.wav"
        path.unlink(missing_ok=True)
        self["save"].click()
        self.wait(path.exists, "the download does not come")
        return soundfile.read(path, dtype="float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page as `npm ci` builds it, in a place of its own."""
    root = tmp_path_factory.mktemp("web")
    (root / "tfsr").symlink_to(ROOT / "tfsr")
    folder = root / "export" / "web"
    ignored = shutil.ignore_patterns("node_modules", "lib", "models")
    shutil.copytree(WEB, folder, ignore=ignored)
    (folder / "node_modules").symlink_to(PACKAGES)
    subprocess.run(["node", "build.mjs"], cwd=folder, check=True)
    return folder


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def address_of_a_second(folder, tmp_path_factory):
    """The same page, for recordings of a second at most, not of half an hour."""
    short = tmp_path_factory.mktemp("short") / "web"
    shutil.copytree(folder, short, ignore=shutil.ignore_patterns("node_modules"))
    code = (short / "page.js").read_text()
    assert code.count("LONGEST_MINUTES = 30;") == 1
    (short / "page.js").write_text(
        code.replace("LONGEST_MINUTES = 30;", "LONGEST_MINUTES = 1 / 60;")
    )
    with served(short) as address:
        yield address


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(open_browser, downloads):
    return open_browser(downloads, "--use-fake-device-for-media-stream")


@pytest.fixture
def page(browser, address, downloads):
    yield from opened(browser, address, downloads)


@pytest.fixture
def page_of_a_second(browser, address_of_a_second, downloads):
    yield from opened(browser, address_of_a_second, downloads)


def opened(browser, address: str, downloads: Path) -> Iterator[WebPage]:
    """Afterwards it must have asked nobody but its own server, and reported no error."""
    browser.get(address)
    page = WebPage(browser, downloads)
    page.wait(lambda: page.status.startswith("Ready"), "the page does not start")
    yield page
    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [
        m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"
    ]
    asked = map(urllib.parse.urlsplit, sent)
    others = [a for a in asked if a.scheme not in ("data", "blob") and a.hostname != "127.0.0.1"]
    errors = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert sent and not others and not errors, (others, errors)


@pytest.fixture(scope="module")
def call(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """Six seconds of speech; in float32, for Chromium makes positive samples of 16 bits larger."""
    low = next(r for r in Bundled().all_recordings if r.speaker == "p226").read(8000)
    path = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(path, low, 8000, "FLOAT")
    return path, low


@pytest.fixture(scope="module")
def speech_model(run, folder) -> None:
    """What `npm run speech` makes, of one preset."""
    script = (
        f"import runpy; runpy.run_path({str(folder / 'speech_models.py')!r})['main']([{SPEECH!r}])"
    )
    done = run("-c", script)
    assert done.returncode == 0, done.stderr
    subprocess.run(["node", "build.mjs"], cwd=folder, check=True)


def level_db(signal: np.ndarray, rate: int, hz: float) -> float:
    """Of a sine in a signal; 0 is full scale."""
    window = np.hanning(len(signal))
    wave = np.exp(-2j * np.pi * hz * np.arange(len(signal)) / rate)
    return 20 * np.log10(2 * np.abs(np.sum(window * wave * signal)) / np.sum(window) + 1e-9)


def test_calls_are_widened_as_in_python(page, call):
    path, low = call
    page.give(path)
    high, rate = page.download("call")
    expected = np.concatenate(list(tfsr.load(CALLS).stream([low])))
    assert rate == 16000 and high.shape == expected.shape
    np.testing.assert_allclose(high, expected, rtol=0, atol=1e-4)
    told = page["facts"].text
    assert "ms for 10 ms of sound" in told and "6.23 s, decoded at 8000 Hz" in told
    print(told)


def test_pieces_of_one_length_equal_the_whole(speech_model, page, call):
    path, low = call
    page.choose(SPEECH)
    page.give(path)
    high, _ = page.download("call")
    model = tfsr.load(SPEECH).backend
    (stage,) = model.stages
    expected = stage.function(low[np.newaxis])[0]
    assert high.shape == expected.shape and len(low) > 3 * 16000
    np.testing.assert_allclose(high, expected, rtol=0, atol=1e-4)
    print(page["facts"].text)


def test_other_rates_and_channels(page, tmp_path):
    """Resampled without aliases, which an OfflineAudioContext makes, and averaged."""
    time_ = np.arange(2 * 44100) / 44100
    left, right = (0.2 * np.sin(2 * np.pi * hz * time_) for hz in (1000, 6000))
    soundfile.write(tmp_path / "stereo.wav", np.stack([left + right, right - left / 2], 1), 44100)
    page.give(tmp_path / "stereo.wav")
    high, rate = page.download("stereo")
    assert len(high) == 2 * rate and "2 channels averaged" in page["facts"].text
    middle = high[4000:-4000]
    assert level_db(middle, rate, 1000) == pytest.approx(20 * np.log10(0.05), abs=0.2)
    assert level_db(middle, rate, 2000) < -70


def test_what_is_no_recording_is_told_and_the_next_is_taken(page, call, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear all")
    page.give(tmp_path / "letter.txt", tells="this browser cannot decode it; give WAV")
    assert "problem" in page["status"].get_attribute("class")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    page.give(tmp_path / "empty.wav", tells="")
    soundfile.write(tmp_path / "one.wav", np.full(1, 0.5), 8000)
    page.give(tmp_path / "one.wav")
    assert page.download("one")[0].shape == (2,)
    soundfile.write(tmp_path / "first.wav", np.full(80000, 0.1), 8000)
    page["file"].send_keys(str(tmp_path / "first.wav"))
    page.give(call[0])  # while the one before is being widened
    assert len(page.download("call")[0]) == 2 * len(call[1])


# Decoding waits until the function that is put into `held` is called.
HELD = """
const decode = OfflineAudioContext.prototype.decodeAudioData;
window.held = [];
OfflineAudioContext.prototype.decodeAudioData = async function (bytes) {
  await new Promise((go) => held.push(go));
  return decode.call(this, bytes);
};
"""


def test_a_rate_behind_a_chunk_of_odd_size(page, call, tmp_path):
    content = call[0].read_bytes()
    junk = b"JUNK" + struct.pack("<I", 3) + bytes(4)
    path = tmp_path / "junk.wav"
    path.write_bytes(content[:12] + junk + content[12:])
    page.give(path)
    assert "decoded at 8000 Hz" in page["facts"].text
    assert len(page.download("junk")[0]) == 2 * len(call[1])


@pytest.mark.parametrize("rates", [(47999, 8000), (44100, 16000), (11025, 16000), (16000, 47999)])
def test_any_rate_takes_few_kernels(page, rates):
    """Which take most of the time, and a sine for each of their numbers."""
    resampled = """
    const [from, to, done] = arguments;
    import("./resample.js").then(({ resample }) => {
      const turn = (2000 * Math.PI) / from;
      const tone = Float32Array.from({ length: from }, (_, k) => Math.sin(turn * k));
      const { sin } = Math;
      let sines = 0;
      Math.sin = (x) => { sines++; return sin(x); };
      const made = resample(tone, from, to);
      Math.sin = sin;
      done([sines, [...made]]);
    });
    """
    sines, made = page.browser.execute_async_script(resampled, *rates)
    assert 0 < sines < 1e6
    expected = np.sin(2 * np.pi * 1000 * np.arange(rates[1]) / rates[1])
    inside = slice(rates[1] // 100, -rates[1] // 100)
    np.testing.assert_allclose(made[inside], expected[inside], atol=1e-4)


def test_another_preset_while_a_file_is_decoded(speech_model, page, call, tmp_path):
    soundfile.write(tmp_path / "second.wav", np.full(8000, 0.1), 8000)
    page.give(call[0])
    page.browser.execute_script(HELD)
    page["file"].send_keys(str(tmp_path / "second.wav"))
    page.wait(lambda: page.browser.execute_script("return held.length") == 1, "nothing is decoded")
    page.choose(SPEECH)
    page.browser.execute_script("held[0]()")
    page.wait(lambda: page.status == "second.wav is ready", "the second file is lost")
    assert len(page.download("second")[0]) == 16000


def test_of_two_files_the_later_counts(page, call, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear all")
    page.browser.execute_script(HELD)
    page["file"].send_keys(str(tmp_path / "letter.txt"))
    page["file"].send_keys(str(call[0]))
    page.wait(lambda: page.browser.execute_script("return held.length") == 2, "nothing is decoded")
    page.browser.execute_script("held[0]()")
    time.sleep(0.5)
    assert page.status == f"Decoding {call[0].name} …"
    page.browser.execute_script("held[1]()")
    page.wait(lambda: page.status == f"{call[0].name} is ready", "the second file is lost")


def test_a_second_file_that_is_none_leaves_the_first(page, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear all")
    soundfile.write(tmp_path / "long.wav", np.full(200_000, 0.1), 8000)
    page["file"].send_keys(str(tmp_path / "long.wav"))
    page.wait(lambda: page.status.startswith("Widening"), "the first file is not decoded")
    page["file"].send_keys(str(tmp_path / "letter.txt"))
    page.wait(lambda: page.status.endswith("long.wav is ready"), "the first file is lost")
    assert page.status.startswith("letter.txt: this browser cannot decode it")
    assert len(page.download("long")[0]) == 400_000


def test_cancel(page, call, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.full(4_000_000, 0.1), 8000)
    assert not page["cancel"].is_displayed()
    page["file"].send_keys(str(tmp_path / "long.wav"))
    page.wait(lambda: page.status.startswith("Widening"), "the file is not decoded")
    page["cancel"].click()
    assert page.status.startswith("Cancelled") and not page["cancel"].is_displayed()
    page.browser.execute_script(HELD)
    page["file"].send_keys(str(call[0]))
    page.wait(lambda: page.browser.execute_script("return held.length") == 1, "nothing is decoded")
    page["cancel"].click()
    page.browser.execute_script("held[0]()")
    time.sleep(0.5)
    assert page.status.startswith("Cancelled") and not page["result"].is_displayed()
    page["file"].send_keys(str(call[0]))
    page.wait(lambda: page.browser.execute_script("return held.length") == 2, "nothing is decoded")
    page.browser.execute_script("held[1]()")
    page.wait(lambda: page.status == f"{call[0].name} is ready", "nothing is taken any more")


def test_the_same_file_may_be_chosen_again(page, call):
    """For browsers tell of a file only if it is another than before."""
    page.give(call[0])
    assert page["file"].get_property("value") == ""


def test_of_several_files_the_first_is_taken(page):
    dropped = """
    const done = arguments[0];
    import("./sound.js").then(({ wav }) => {
      const dataTransfer = new DataTransfer();
      for (const name of ["a.wav", "b.wav"]) {
        dataTransfer.items.add(new File([wav(new Float32Array(800), 8000)], name));
      }
      document.dispatchEvent(new DragEvent("drop", { dataTransfer }));
      done();
    });
    """
    page.browser.execute_async_script(dropped)
    page.wait(lambda: page.status.startswith("a.wav is ready"), "the first file is not taken")
    assert page.status.splitlines()[1:] == ["2 files were given; a.wav is the first"]


def test_what_is_too_long_is_told(page_of_a_second, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(8001), 8000)
    page_of_a_second.give(tmp_path / "long.wav", tells="lasts 1 minutes, and this page takes")


def test_files_that_are_too_large_are_not_read(page, tmp_path):
    """For the browser would have no memory for them."""
    path = tmp_path / "large.wav"
    path.touch()
    os.truncate(path, 1_500_000_000)
    page.give(path, tells="has 1.5 GB, more than 30 minutes have")


def test_wipe_and_choice(page, call):
    page.give(call[0])
    assert page.browser.execute_script("return getComputedStyle(right).clipPath").endswith(" 50%)")
    page["wipe"].send_keys("\ue014" * 3)  # the right arrow
    assert page.browser.execute_script("return getComputedStyle(right).clipPath").endswith(" 53%)")
    page.browser.find_element("tag name", "body").send_keys("1")
    chosen = "return document.querySelector('[name=choice]:checked').value"
    assert page.browser.execute_script(chosen) == "0"
    drawn = """
    return ["left", "right"].map((id) => {
      const canvas = document.getElementById(id);
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height / 3);
      return data.filter((value, at) => at % 4 < 3).reduce((a, b) => a + b, 0) / data.length;
    });
    """
    before, after = page.browser.execute_script(drawn)
    assert after > 10 * before  # above 5.3 kHz, where a call has nothing


def test_the_microphone(page, address):
    allow(page.browser, address, "granted")
    page["microphone"].click()
    page.wait(lambda: page["microphone"].text == "Stop", "the microphone does not open")
    time.sleep(0.5)
    page["microphone"].click()
    page.wait(lambda: page.status == "microphone is ready", "what was heard is not widened")
    high, _ = page.download("microphone")
    assert len(high) > 1000 and np.max(np.abs(high)) > 0.01  # Chromium's device beeps


def test_the_microphone_stops_when_it_is_full(page_of_a_second, address_of_a_second):
    page = page_of_a_second
    allow(page.browser, address_of_a_second, "granted")
    page["microphone"].click()
    page.wait(lambda: page.status.startswith("microphone is ready"), "it does not stop")
    assert "This page records" in page.status.splitlines()[1]
    assert page["microphone"].text == "Use the microphone"
    assert len(page.download("microphone")[0]) == 16000


def test_a_microphone_that_cannot_be_recorded_is_closed(page, address):
    allow(page.browser, address, "granted")
    page.browser.execute_script("""
    AudioWorklet.prototype.addModule = async () => { throw new Error("no module"); };
    const open = MediaDevices.prototype.getUserMedia;
    MediaDevices.prototype.getUserMedia = async function (wanted) {
      return window.stream = await open.call(this, wanted);
    };
    """)
    page["microphone"].click()
    told = "The microphone cannot be recorded; load the page again (no module)"
    page.wait(lambda: page.status == told, "nothing is told")
    states = page.browser.execute_script("return stream.getTracks().map((t) => t.readyState)")
    assert states == ["ended"]


def test_a_microphone_that_is_not_allowed(page, address):
    allow(page.browser, address, "denied")
    page["microphone"].click()
    page.wait(lambda: "not allowed" in page.status, "nothing is told")
    assert page["microphone"].text == "Use the microphone"


def allow(browser, origin: str, setting: str) -> None:
    permission = {"permission": {"name": "microphone"}, "setting": setting, "origin": origin}
    browser.execute_cdp_cmd("Browser.setPermission", permission)


@pytest.mark.parametrize("missing", ["tensorflow", "tfsr"])
def test_speech_models_without_a_package(run, folder, missing):
    script = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; sys.argv = ['speech_models.py']\n"
    )
    path = folder / "speech_models.py"
    done = run("-c", f"{script}runpy.run_path({str(path)!r}, run_name='__main__')")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.endswith("pip install 'tfsr[train]'\n")


def test_the_page_may_ask_no_other_host(browser, address):
    browser.get(address)
    blocked = """
    const done = arguments[0];
    document.addEventListener("securitypolicyviolation", (event) => done(event.blockedURI));
    fetch("https://example.com/").then(() => done("sent"), () => {});
    """
    assert browser.execute_async_script(blocked) == "https://example.com/"
    browser.get_log("browser")
    browser.get_log("performance")
