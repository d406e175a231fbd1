"""Links of the documentation hold on a code host and on the site; its picture is up to date."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = loaded("pages")

PAGES = {"commands.md", "export.md", "export/web.md", "results/nuwave.md", "nuwave_x2.png"}


@pytest.mark.parametrize(
    ("place", "uri", "text", "expected"),
    [
        ("docs", "export.md", "[a](../export/web/README.md#b)", "[a](export/web.md#b)"),
        ("docs/results", "results/nuwave.md", "[a](../export.md)", "[a](../export.md)"),
        ("docs/results", "results/nuwave.md", "![a](../nuwave_x2.png)", "![a](../nuwave_x2.png)"),
        (".", "commands.md", "[a](docs/export.md)", "[a](export.md)"),
        (".", "commands.md", "[a](export/web)", "[a](export/web.md)"),
        (".", "commands.md", "[`a`](configs/nuwave.gin)", "`a`"),
        (".", "commands.md", "[a](nowhere.md)", "[a](nowhere.md)"),
        ("export/web", "export/web.md", "[a](../../README.md#train)", "[a](../commands.md#train)"),
        (".", "commands.md", "[a](#b) [c](https://d.e/f)", "[a](#b) [c](https://d.e/f)"),
    ],
)
def test_links_lead_to_pages(place, uri, text, expected):
    assert pages.linked(text, place, uri, PAGES.__contains__) == expected


def test_each_page_from_elsewhere_exists():
    assert all((ROOT / source).is_file() for source in pages.OUTSIDE)


def markdown_files() -> list[Path]:
    outside = [ROOT / source for source in pages.OUTSIDE]
    return [*sorted((ROOT / "docs").rglob("*.md")), *outside]


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path):
    text = pages.FENCE.sub("", path.read_text())
    targets = [target.partition("#")[0] for _, _, target in pages.LINK.findall(text)]
    wrong = [
        target
        for target in targets
        if target and not pages.ELSEWHERE.match(target) and not (path.parent / target).exists()
    ]
    assert not wrong


def test_the_picture_of_the_house_is_up_to_date():
    house = loaded("house")
    assert (ROOT / "docs" / "house.svg").read_text() == house.picture()
