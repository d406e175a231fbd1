import pytest


def test_scores_and_page(run, recordings, tmp_path):
    original, low, out = (str(recordings / f"word0{n}.wav") for n in range(3))
    page = tmp_path / "new" / "page.html"
    done = run("-m", "tfsr.compare", original, low, out, "--cutoff=4000", "--html", page)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "LSD-high" in lines[0] and "LTAS-high" in lines[0]
    assert lines[1].startswith("word01.wav (low)") and lines[2].startswith("word02.wav ")
    assert lines[-1] == f"page {page}"
    assert page.read_text().endswith("</html>\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.wav", "b.wav"], "--html"),
        (["a.wav", "b.wav", "c.wav"], "--html"),
        (["a.wav", "b.wav", "--html=x.html"], "OUT"),
        (["a.wav", "b.wav", "c.wav", "--html=x.html"], "a.wav: no such file"),
        (["a.wav", "b.wav", "c.wav", "--html=x.html", "--cutoff=0"], "cutoff"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, told):
    done = run("-m", "tfsr.compare", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1
