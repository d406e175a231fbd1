"""The notebooks run from the first cell to the last, and are kept without outputs."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Seconds after which a cell hangs.
HANGS = 600


def read(path: Path):
    nbformat = pytest.importorskip("nbformat", reason="pip install 'tfsr[test]'")
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="pip install 'tfsr[test]'")
    manager = pytest.importorskip("jupyter_client").AsyncKernelManager()
    # The interpreter of the tests, whatever kernels are installed.
    manager.kernel_spec.argv[0] = sys.executable
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read(path)
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, km=manager, timeout=HANGS, resources=resources)
    client.execute()
    assert all(cell.outputs for cell in notebook.cells[-3:] if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_has_no_outputs(path):
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
