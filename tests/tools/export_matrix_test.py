import sys

import pytest

SPECTRAL = "configs/spectral.gin:CHANNELS=8:BLOCKS=1"


@pytest.fixture(scope="module")
def tool(tool_named):
    for name in ("timing", "exported_measures", "measures", "benchmark"):
        tool_named(name)  # they are imported by these names
    return tool_named("export_matrix")


def test_a_page_of_one_system(tool, monkeypatch, tmp_path):
    monkeypatch.setattr(tool, "row", lambda name, _: tool.measure(name, False, 1, 0.3))
    output = tmp_path / "export.md"
    output.write_text("old\n## Which for what\n\nfloat16.\n")
    arguments = ["export_matrix.py", "--config", SPECTRAL, "--output", str(output)]
    monkeypatch.setattr(sys, "argv", arguments)
    tool.main()
    text = output.read_text()
    assert "old" not in text and text.endswith("\n## Which for what\n\nfloat16.\n")
    (line,) = [line for line in text.splitlines() if line.startswith(f"| `{SPECTRAL}`, untrained")]
    cells = dict(zip(tool.HEAD, [cell.strip() for cell in line.split("|")[1:-1]], strict=True))
    assert int(cells["parameters"].replace(",", "")) > 1000
    assert float(cells["float16"]) < float(cells["float32"]) < 3
    assert 0 < float(cells["LSD"]) < 10
    assert abs(float(cells["float16 LSD"])) < 0.01
    assert cells["full_int8"] == cells["full_int8 LSD"] == ""
    assert float(cells["difference"]) < 1e-4 and float(cells["dynamic_int8 time"]) > 0
    (operations,) = [line for line in text.splitlines() if line.startswith(f"* `{SPECTRAL}`: ")]
    assert len(operations.split(", ")) == int(cells["operations"]) and "RESHAPE" in operations
