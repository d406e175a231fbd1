import types

from tfsr.data.corpora import Folder
from tfsr.training import provenance


def run_of(tmp_path, name: str, pretrained: dict[str, str]):
    """A run's folder, of recordings whose licence is their folder's name."""
    corpus = tmp_path / f"{name}_corpus"
    corpus.mkdir()
    (corpus / "LICENSE").write_text(f"licence of {name}")
    (tmp_path / name).mkdir()
    data = types.SimpleNamespace(corpus=Folder(corpus))
    provenance.write(tmp_path / name, types.SimpleNamespace(data=data, pretrained=pretrained))
    return tmp_path / name


def test_parts_tell_what_they_have_learnt_from(tmp_path):
    vocoder = run_of(tmp_path, "vocoder", {})
    whole = run_of(tmp_path, "whole", {"vocoder.network": str(vocoder), "again": str(vocoder)})
    told = [(source["corpus"], source["licence"]) for source in provenance.sources(whole)]
    assert told == [
        ("whole_corpus", "licence of whole"),
        ("vocoder_corpus", "licence of vocoder"),
    ]


def test_resumed_where_its_parts_are_gone(tmp_path):
    run_dir = run_of(tmp_path, "run", {})
    told = provenance.sources(run_dir)
    data = types.SimpleNamespace(corpus=Folder(tmp_path / "gone"))
    provenance.write(run_dir, types.SimpleNamespace(data=data, pretrained={}))
    assert provenance.sources(run_dir) == told


def test_a_run_that_does_not_tell(tmp_path):
    assert provenance.sources(tmp_path) == []
