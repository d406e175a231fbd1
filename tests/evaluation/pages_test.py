"""The pages in a browser: what is heard, seen and saved."""

import collections
import json
import time
import urllib.parse

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tfsr.evaluation import comparison, listening_page, listening_scores
from tfsr.evaluation.listening_page import ListeningTest

ORIGINAL, OURS, SPLINE = {500: 0.2, 5000: 0.3}, {1000: 0.3}, {1500: 0.3}
HEARD_HZ = """
const analyser = new AnalyserNode(player.context, {fftSize: 4096, smoothingTimeConstant: 0});
player.output.connect(analyser);
const [done] = [...arguments].slice(-1);
const end = player.context.currentTime + 0.15;
const hear = () => {
  if (player.context.currentTime < end) return setTimeout(hear, 20);
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const loudest = levels.indexOf(Math.max(...levels));
  done(levels[loudest] < -60 ? 0 : loudest * player.context.sampleRate / 4096);
};
hear();
"""
# In place of the sounds' names, which the page does not tell, for each button.
CYCLES = """
return player.buffers.map((buffer) => {
  const x = buffer.getChannelData(0).slice(4000, -4000);
  const changes = x.filter((value, k) => k && (value < 0) !== (x[k - 1] < 0)).length;
  return Math.round(changes * buffer.sampleRate / x.length / 200) * 100;
});
"""


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(open_browser, downloads):
    return open_browser(downloads)


@pytest.fixture(scope="module")
def folder(write_tones, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, tones in {"originals": ORIGINAL, "ours": OURS, "spline": SPLINE}.items():
        for word in ("apple", "pear"):
            write_tones(folder / name / f"{word}.wav", tones, seconds=2.0)
    return folder


@pytest.fixture(scope="module")
def comparison_text(folder, write_tones):
    files = [folder / name / "apple.wav" for name in ("originals", "ours", "spline")]
    low = write_tones(folder / "low.wav", {500: 0.2}, rate=8000, seconds=2.0)
    return comparison.page(comparison.compare(files[0], low, files[1:]))


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens the text of a page from the disk; afterwards it must have asked for nothing else."""

    def open_page(text: str):
        path = tmp_path / "page.html"
        path.write_text(text)
        browser.get(path.as_uri())
        return browser

    yield open_page
    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        m["params"]["request"]["url"] for m in log if m["method"] == "Network.requestWillBeSent"
    ]
    schemes = collections.Counter(urllib.parse.urlsplit(url).scheme for url in asked)
    assert schemes.pop("file") == 1 and set(schemes) <= {"data", "blob"}, schemes
    errors = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert not errors, errors


def wait(browser, script: str) -> None:
    """Until an expression is true."""
    ready = WebDriverWait(browser, browser.timeouts.script, 0.02)
    ready.until(lambda b: b.execute_script(f"return {script}"))


def press(browser, keys: str) -> None:
    browser.find_element(By.TAG_NAME, "body").send_keys(keys)


def begin(browser, listener: str) -> None:
    browser.find_element(By.ID, "listener").send_keys(listener)
    browser.find_element(By.CSS_SELECTOR, "#begin button").click()


def hear_all(browser) -> list[int]:
    """Click on every sound of a trial; their frequencies in Hz."""
    wait(browser, "trial && player.buffers.length === trial.sounds.length && !player.playing")
    for index in range(browser.execute_script("return trial.sounds.length")):
        browser.execute_script("trial.buttons[arguments[0]].click()", index)
        wait(browser, f"trial.heard.has({index})")
    return browser.execute_script(CYCLES)


def saved(browser, path) -> list[listening_scores.Answer]:
    browser.find_element(By.ID, "save").click()
    end = time.monotonic() + browser.timeouts.script
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert path.read_text().startswith("listener,trial,kind,system,answer,seconds\n")
    return listening_scores.read([path])


def next_trial(browser) -> None:
    button = browser.find_element(By.ID, "next")
    assert button.is_enabled()
    button.click()


class TestComparison:
    @pytest.fixture
    def page(self, open_page, comparison_text):
        browser = open_page(comparison_text)
        wait(browser, "player.buffers.length === 4")
        return browser

    def test_switching_while_it_plays_keeps_the_place(self, page):
        page.find_element(By.ID, "repeat").click()
        page.find_element(By.ID, "play").click()
        wait(page, "player.position > 0.1")
        for number, hz in ((1, 5000), (3, 1000), (4, 1500)):
            switch = f"const before = player.position; choices[{number - 1}].click();"
            before, after = page.execute_script(f"{switch} return [before, player.position];")
            assert before <= after < before + 0.05
            assert page.execute_async_script(HEARD_HZ) == pytest.approx(hz, abs=20)
        assert page.execute_script("return playhead.style.left") != "0%"

    def test_keys_choose_play_and_pause(self, page):
        press(page, "2 ")
        wait(page, "player.playing && player.chosen === 1")
        assert page.execute_script("return right.alt") == "Spectrogram of low.wav (low)"
        press(page, "9 ")
        wait(page, "!player.playing && player.chosen === 1")

    def test_it_ends_at_the_end_and_stands_at_the_beginning(self, page):
        page.execute_script("player.seek(player.duration - 0.1); player.play()")
        wait(page, "player.playing")
        wait(page, "!player.playing && player.position === 0")

    def test_a_click_on_the_spectrogram_goes_there(self, page):
        page.find_element(By.CSS_SELECTOR, ".axes:has(#left) .ground").click()
        assert page.execute_script("return player.position / player.duration") == pytest.approx(
            0.5, abs=0.01
        )

    def test_the_slider_wipes_between_two_spectrograms(self, page):
        clip = "return getComputedStyle(right).clipPath"
        assert page.execute_script(clip) == "inset(0px 0px 0px 50%)"
        page.find_element(By.ID, "wipe").send_keys(Keys.ARROW_RIGHT * 3)
        assert page.execute_script(clip) == "inset(0px 0px 0px 53%)"
        seen = "return [left.src !== right.src, left.naturalWidth > 0, wiped.textContent]"
        assert page.execute_script(seen) == [True, True, "ours/apple.wav"]

    def test_a_player_of_its_own_pauses_the_one_for_all(self, page):
        page.execute_script("player.play()")
        wait(page, "player.playing")
        page.execute_script("sounds[2].play()")
        wait(page, "sounds[2].currentTime > 0 && !player.playing")


class TestListening:
    @staticmethod
    def page(folder, kind, *systems, **settings):
        places = {name: folder / name for name in systems}
        return listening_page.page(ListeningTest(folder / "originals", places, kind, **settings))

    def test_mushra(self, open_page, folder, downloads):
        browser = open_page(self.page(folder, "mushra", "ours", "spline"))
        begin(browser, 'Ann, "A"')
        ratings = {5000: 100, 500: 20, 1000: 81, 1500: 40}
        for _ in range(2):
            reference, *judged = hear_all(browser)
            assert reference == 5000 and sorted(judged) == sorted(ratings)
            assert not browser.find_element(By.ID, "next").is_enabled()
            for index, hz in enumerate(judged):
                slider = browser.find_elements(By.CSS_SELECTOR, ".rating input")[index]
                slide = "arguments[0].value = arguments[1]"
                browser.execute_script(slide, slider, ratings[hz] - 1 if hz != 500 else 21)
                slider.send_keys(Keys.ARROW_LEFT if hz == 500 else Keys.ARROW_RIGHT)
            next_trial(browser)
        answers = saved(browser, downloads / "mushra_Ann_A_.csv")
        given = {(answer.trial, answer.system): answer.answer for answer in answers}
        of_system = {"reference": "100", "anchor 3500 Hz": "20", "ours": "81", "spline": "40"}
        words = ("apple", "pear")
        assert given == {(word, s): x for word in words for s, x in of_system.items()}
        assert {answer.listener for answer in answers} == {'Ann, "A"'}
        assert all(0 < answer.seconds < 60 for answer in answers)

    def test_abx(self, open_page, folder, downloads):
        browser = open_page(self.page(folder, "abx", "ours"))
        begin(browser, "bo")
        for right in (True, False):
            a, b, x = hear_all(browser)
            assert {a, b} == {5000, 1000} and x in (a, b)
            options = browser.find_elements(By.CSS_SELECTOR, ".options input")
            options[(x == b) == right].click()
            next_trial(browser)
        answers = saved(browser, downloads / "abx_bo.csv")
        assert [(a.system, a.answer) for a in answers] == [("ours", "right"), ("ours", "wrong")]
        assert {answer.trial for answer in answers} == {"apple", "pear"}

    def test_ab(self, open_page, folder, downloads):
        browser = open_page(self.page(folder, "ab", "spline", "ours", no_preference=True))
        begin(browser, "=cy")
        for wanted in (1500, None):
            reference, *judged = hear_all(browser)
            assert reference == 5000 and sorted(judged) == [1000, 1500]
            options = browser.find_elements(By.CSS_SELECTOR, ".options input")
            options[judged.index(wanted) if wanted else 2].click()
            next_trial(browser)
        answers = saved(browser, downloads / "ab__cy.csv")
        assert "\n'=cy," in (downloads / "ab__cy.csv").read_text()  # a formula would be run
        assert {answer.listener for answer in answers} == {"=cy"}
        assert [answer[3:5] for answer in answers] == [
            ("ours|spline", "spline"),
            ("ours|spline", "none"),
        ]

    def test_orders_are_drawn_by_listener_and_repeat(self, open_page, folder):
        browser = open_page(self.page(folder, "abx", "ours"))
        draw = "random = generator(arguments[0]); return shuffled([...Array(9).keys()])"
        ann, bo, again = (browser.execute_script(draw, name) for name in ("ann", "bo", "ann"))
        assert ann == again != bo
        assert sorted(ann) == sorted(bo) == list(range(9))
