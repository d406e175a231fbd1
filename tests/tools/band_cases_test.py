import pytest


@pytest.fixture(scope="module")
def tool(tool_named):
    tool_named("made_recordings")  # band_cases.py imports it by this name
    return tool_named("band_cases")


@pytest.mark.parametrize("number", [10, 55])
def test_the_band_of_nearly_all_is_found(tool, number):
    speech = tool.bundled_speech(number)
    results = [tool.measure(case, speech) for case in tool.CASES]
    assert len(results) == len({case.name for case in tool.CASES}) == 40
    wrong = [str(one) for one in results if not one.right]
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize(
    "found, preset, right",
    [
        *((3400, "telephony-8k-16k", True), (3730, "telephony-8k-16k", True)),
        *((3000, "telephony-8k-16k", False), (3400, "speech-16k-x2", False)),
    ],
)
def test_right_is_near_and_the_preset_that_suits(tool, found, preset, right):
    result = tool.Result(tool.Case("a call", 3400, None), found, preset)
    assert result.right == right
    assert ("yes" in str(result)) == right


def test_a_page_counts_them(tool):
    cases = [tool.Case(name, 7000, None) for name in "ab"]
    results = [
        tool.Result(case, 7000 + 900 * place, case.preset) for place, case in enumerate(cases)
    ]
    page = tool.page(results)
    assert "1 of 2" in page and page.count("| 7,000 |") == 2


def test_other_rates_are_refused(tool, tmp_path):
    path = tmp_path / "low.wav"
    tool.audio_file.write(path, tool.bundled_speech(10)[:8000, None], 8000)
    with pytest.raises(tool.UserError, match="is at 8000 Hz"):
        tool.main([path])
