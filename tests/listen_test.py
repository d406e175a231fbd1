import pytest


def test_page(run, recordings, tmp_path):
    page = tmp_path / "new" / "test.html"
    folders = [recordings, f"ours={recordings}", f"theirs={recordings}"]
    done = run("-m", "tfsr.listen", *folders, "--html", page, "--kind=ab", "--no_preference")
    assert (done.returncode, done.stdout) == (0, f"page {page}\n"), done.stderr
    assert '"kind": "ab", "seed": 0, "noPreference": true' in page.read_text()


def test_score(run, tmp_path):
    for listener in ("ann", "bo"):
        (tmp_path / f"{listener}.csv").write_text(
            "listener,trial,kind,system,answer,seconds\n"
            f"{listener},t,mushra,reference,100,9\n{listener},t,mushra,ours,60,9\n"
        )
    done = run("-m", "tfsr.listen", "--score", *tmp_path.glob("*.csv"))
    assert done.returncode == 0, done.stderr
    assert "0 of 2 listeners left out" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["ours", *["60.0"] * 3, "2", "2"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["originals", "ours=out"], "--html"),
        (["originals", "--html=x.html"], "NAME=FOLDER"),
        (["originals", "out", "--html=x.html"], "'out' is not of the form NAME=FOLDER"),
        (["originals", "a=x", "a=y", "--html=x.html"], "two systems a"),
        (["originals", "a=x", "--html=x.html", "--kind=mos"], "kind"),
        (["originals", "a=/nowhere", "--html=x.html"], "/nowhere: no such folder"),
        (["--score"], "files of results"),
        (["--score", "a.csv", "--html=x.html"], "no page"),
        (["--score", "/nowhere/a.csv"], "/nowhere/a.csv: cannot be read"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, told):
    done = run("-m", "tfsr.listen", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1
