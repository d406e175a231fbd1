import json
import os
import subprocess
import sys
import types

import pytest

from tfsr import presets
from tfsr.data.corpora import Folder
from tfsr.errors import UserError
from tfsr.training import distribution, provenance


def run_of(tmp_path, name: str, pretrained: dict[str, str]):
    """A run's folder, of recordings whose licence is their folder's name."""
    corpus = tmp_path / f"{name}_corpus"
    corpus.mkdir()
    (corpus / "LICENSE").write_text(f"licence of {name}")
    (tmp_path / name).mkdir()
    data = types.SimpleNamespace(corpus=Folder(corpus))
    experiment = types.SimpleNamespace(data=data, pretrained=pretrained)
    provenance.write(tmp_path / name, experiment, resumed=False)
    return tmp_path / name


def test_parts_tell_what_they_have_learnt_from(tmp_path):
    vocoder = run_of(tmp_path, "vocoder", {})
    whole = run_of(tmp_path, "whole", {"vocoder.network": str(vocoder), "again": str(vocoder)})
    told = [(source.corpus, source.licence) for source in provenance.sources(whole)]
    assert told == [
        ("whole_corpus", "licence of whole"),
        ("vocoder_corpus", "licence of vocoder"),
    ]


def test_a_preset_tells_what_it_has_learnt_from(tmp_path):
    run_dir = run_of(tmp_path, "run", {"network": str(presets.located("speech-16k-x2"))})
    corpora = [source.corpus for source in provenance.sources(run_dir)]
    assert corpora[0] == "run_corpus" and "VCTK 0.92" in corpora


def test_resumed_where_its_parts_are_gone(tmp_path):
    run_dir = run_of(tmp_path, "run", {})
    told = provenance.sources(run_dir)
    data = types.SimpleNamespace(corpus=Folder(tmp_path / "gone"))
    provenance.write(run_dir, types.SimpleNamespace(data=data, pretrained={}), resumed=True)
    assert provenance.sources(run_dir) == told


def test_begun_anew_it_tells_of_what_it_learns_from_now(tmp_path):
    run_dir, other = run_of(tmp_path, "run", {}), run_of(tmp_path, "other", {})
    data = types.SimpleNamespace(corpus=Folder(tmp_path / "other_corpus"))
    provenance.write(run_dir, types.SimpleNamespace(data=data, pretrained={}), resumed=False)
    assert provenance.sources(run_dir) == provenance.sources(other)


def test_a_run_that_does_not_tell(tmp_path):
    assert provenance.sources(tmp_path) == ()


@pytest.mark.parametrize(
    "text, told",
    [
        ("{", "is no JSON that tfsr writes .*; get the file again, or take it away"),
        ("7", r"the file\.training_data: wants a list, not '7'; get the file again"),
        ('[{"corpus": 1}]', r"the file\.training_data\[0\]: has no 'licence'"),
        ('["words"]', r"the file\.training_data\[0\]: wants names and values"),
    ],
)
def test_damaged_sources_are_told(tmp_path, text, told):
    (tmp_path / provenance.SOURCES).write_text(text)
    with pytest.raises(UserError, match=f"data.json: {told}") as error:
        provenance.sources(tmp_path)
    assert str(error.value).count("data.json") == 1


def test_damaged_versions_are_told(tmp_path):
    run_dir = run_of(tmp_path, "run", {})
    (run_dir / provenance.VERSIONS).write_text('{"onednn"')
    with pytest.raises(UserError, match="versions.json: is no JSON that tfsr writes"):
        provenance.write(run_dir, types.SimpleNamespace(), resumed=True)


@pytest.mark.parametrize("text", ["[]", '{"onednn": "maybe"}', "7"])
def test_versions_that_tell_something_else_are_passed_over(tmp_path, text):
    run_dir = run_of(tmp_path, "run", {})
    (run_dir / provenance.VERSIONS).write_text(text)
    provenance.write(run_dir, types.SimpleNamespace(), resumed=True)
    assert "tfsr" in json.loads((run_dir / provenance.VERSIONS).read_text())


PRODUCTS = """
import tensorflow as tf
from tfsr.training import provenance
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    x, run = tf.random.normal([300, 300]), tf.compat.v1.RunMetadata()
    traced = tf.compat.v1.RunOptions(output_partition_graphs=True)
    session.run(x @ x, options=traced, run_metadata=run)
print(provenance.one_dnn(), *(node.op for graph in run.partition_graphs for node in graph.node))
"""


def test_whether_one_dnn_is_on_is_seen_from_what_runs(capsys):
    """Here, and in a process of the other setting, which TensorFlow reads when it is imported."""
    exec(PRODUCTS, {})
    here = capsys.readouterr().out.split()
    other = os.environ | {"TF_ENABLE_ONEDNN_OPTS": str(int("off" in here))}
    command = [sys.executable, "-c", PRODUCTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=other)
    there = done.stdout.split()
    assert {here[1], there[1]} == {"on", "off"}
    for words in here, there:
        assert ("_MklMatMul" in words, "MatMul" in words) == ("on" in words, "off" in words)


@pytest.fixture
def under(tmp_path, monkeypatch, caplog):
    """A function that resumes a run with oneDNN on or off, and gives the warnings."""
    run_dir = run_of(tmp_path, "run", {})

    def under(on: bool) -> list[str]:
        caplog.clear()
        monkeypatch.setattr(distribution, "one_dnn_is_on", lambda: on)
        provenance.write(run_dir, types.SimpleNamespace(), resumed=True)
        assert json.loads((run_dir / provenance.VERSIONS).read_text())["onednn"] is on
        return caplog.messages

    return under


@pytest.mark.parametrize("on", [False, True])
def test_other_sums_than_before_are_told_once(under, on):
    under(on)
    assert under(on) == []
    (told,) = under(not on)
    before, now = provenance._WORDS[on], provenance._WORDS[not on]
    assert f"oneDNN {before}, which is {now} now: from here on it no longer repeats itself" in told
    assert told.endswith(f"TF_ENABLE_ONEDNN_OPTS={on:d} trains it as before")
    assert under(not on) == []


def test_a_run_too_old_to_tell_of_one_dnn(tmp_path, under, caplog):
    (tmp_path / "run" / provenance.VERSIONS).write_text('{"tfsr": "0"}')
    assert under(not distribution.one_dnn_is_on()) == []
