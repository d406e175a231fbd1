import csv
import json

import pytest


def test_scores_of_folders(run, recordings, tmp_path):
    files = [tmp_path / name for name in ("new/s.csv", "s.json", "page.html")]
    flags = [f"--{path.suffix[1:]}={path}" for path in files]
    systems = [f"ours={recordings}", f"theirs={recordings}"]
    done = run("-m", "tfsr.score", recordings, *systems, "--cutoff=4000", *flags)
    assert done.returncode == 0, done.stderr
    assert "ours less" in done.stdout and "95 % of mean" in done.stdout
    rows = list(csv.DictReader(files[0].open()))
    means = json.loads(files[1].read_text())["means"]
    assert {row["system"] for row in rows} == set(means) == {"ours", "theirs"}
    assert {float(row["LSD-high"]) for row in rows} == {means["ours"]["LSD-high"]} == {0.0}
    assert files[2].read_text().endswith("</html>\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a"], "give REFERENCE and ESTIMATE"),
        (["a", "x/b", "y/b"], "two systems b; give NAME=PATH"),
        (["a.wav", "b.wav"], "a.wav: no such file"),
        (["a.wav", "b.wav", "--csv=x", "--json=x"], "--json x: --csv has the same file"),
        (["a.wav", "b.wav", "--html=."], "--html .: is a folder"),
        (
            ["a.wav", "b.wav", "--csv=setup.cfg"],
            "setup.cfg: exists and is no .csv file; give another",
        ),
        (["a.wav", "b.wav", "--json=setup.cfg/a.json"], "setup.cfg is no folder"),
        (["a.wav", "b.wav", "--protocol=mine"], "unknown protocol mine"),
        (["a.wav", "b.wav", "--cutoff=0"], "--cutoff"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, told):
    done = run("-m", "tfsr.score", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1
