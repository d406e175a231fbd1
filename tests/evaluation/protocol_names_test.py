import pytest

from tfsr.evaluation import protocol_names
from tfsr.evaluation.protocols import PROTOCOLS


def test_lists_what_there_is():
    assert list(protocol_names.names()) == list(PROTOCOLS)


def test_families_are_few():
    assert len(protocol_names.FAMILIES) <= 20
    assert "nuwave2{,_8k,_12k,_16k,_24k}" in protocol_names.listed()


@pytest.mark.parametrize("name", ["ssr_eval_cheby6_8k", "apbwe", "apbwe_24k", "decli_10"])
def test_braces_are_a_shells(name):
    assert name in set(protocol_names.names())
