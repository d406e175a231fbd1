"""The names of all protocols, without importing the parts of the protocols.

A family is written as a shell pattern: "nuwave2{,_8k,_12k}" are nuwave2, nuwave2_8k and
nuwave2_12k. Variants in kHz are for systems whose input is at the output rate. Before, the input
was at the rate in the name.
"""

import itertools
import re
from collections.abc import Iterator

_HALVES = "{2k,4k,8k,12k,16k,24k,32k}"
_AT_48K = "{,_8k,_12k,_16k,_24k}"

FAMILIES = (
    *("tfsr", "telephony{,_g711,_gsm}", "perceived", "restoration"),
    *("kuleshov2017", "king2021", "nuwave"),
    *(f"nuwave2{_AT_48K}", f"flowhigh{_AT_48K}", "udm{,_stft}", "aero"),
    *("apbwe{,_2k,_4k,_8k,_12k,_16k,_24k}", f"universr{_AT_48K}", "audiosr"),
    *("voicefixer", "decli_{10,25,50}", f"ssr_eval_{_HALVES}"),
    f"ssr_eval_{{cheby,butter,bessel,ellip}}{{3,6,9}}_{_HALVES}",
    *(f"ssr_eval_subsampling_{_HALVES}", "ssr_eval_mp3_{32,48,64,96,128}"),
)
"""The families in the order of the help."""


def names() -> Iterator[str]:
    """Every single name, one family after the other."""
    for family in FAMILIES:
        parts = re.split(r"\{(.*?)\}", family)
        yield from map("".join, itertools.product(*(part.split(",") for part in parts)))


def listed() -> str:
    """All families in one line, for help and errors."""
    return ", ".join(FAMILIES)
