import logging
import sys

import numpy as np
import pytest

from tfsr.errors import UserError
from tfsr.evaluation.metrics import Snr
from tfsr.evaluation.packages import available
from tfsr.evaluation.perceptual import DistillMos, DnsmosP808, PesqWideband, Stoi, VisqolAudio
from tfsr.evaluation.restoration_metrics import Aligned, Ssim

COLUMNS = {"SNR": Snr(), "STOI": Stoi(), "PESQ": PesqWideband(), "late": Aligned(PesqWideband())}


@pytest.mark.parametrize(
    ("metric", "package", "extra"),
    [
        (PesqWideband(), "pesq", "eval"),
        (VisqolAudio(), "visqol", "eval"),
        (DnsmosP808(), "speechmos", "eval"),
        (DistillMos(), "distillmos", "listeners"),
        (Stoi(), "pystoi", "eval"),
        (Ssim(), "skimage", "eval"),
        (Aligned(Stoi()), "pystoi", "eval"),
    ],
)
def test_a_metric_without_its_package_names_the_way_out(monkeypatch, metric, package, extra):
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    tone = np.sin(np.arange(20000))
    with pytest.raises(UserError, match=rf"{package} .* pip install 'tfsr\[{extra}\]'"):
        metric(tone, tone, 16000, 8000)


def test_all_columns_are_kept_where_all_is_installed(caplog):
    assert available(COLUMNS) == COLUMNS
    assert not caplog.records


def test_columns_of_missing_packages_are_left_out_and_named(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pesq", None)
    with caplog.at_level(logging.WARNING, "tfsr"):
        assert list(available(COLUMNS)) == ["SNR", "STOI"]
    told = [record.message for record in caplog.records]
    assert told == [
        f"no {column}: pesq is not installed: pip install 'tfsr[eval]'"
        for column in ("PESQ", "late")
    ]
