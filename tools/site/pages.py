"""What mkdocs does not find in docs/: pages of other folders, and links between them.

Links in the sources are those of a code host: relative to the file. This hook keeps them, and makes
what they lead to a page of the site. What is no page, such as a configuration, becomes plain text.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the test of links has no mkdocs
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# File in the repository -> page of the site.
OUTSIDE = {
    "README.md": "commands.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "export/mobile/README.md": "export/mobile.md",
    "export/serving/README.md": "export/serving.md",
    "export/web/README.md": "export/web.md",
}
SOURCES = {page: source for source, page in OUTSIDE.items()}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)\s*$", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z]+:|/|#")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    from mkdocs.structure.files import File

    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    uri = page.file.src_uri
    place = posixpath.dirname(SOURCES.get(uri, f"docs/{uri}"))
    is_page = {file.src_uri for file in files}.__contains__
    code = list(FENCE.finditer(markdown))
    parts, begin = [], 0
    for block in code:
        parts += [linked(markdown[begin : block.start()], place, uri, is_page), block.group()]
        begin = block.end()
    return "".join([*parts, linked(markdown[begin:], place, uri, is_page)])


def linked(text: str, place: str, uri: str, is_page: Callable[[str], bool]) -> str:
    """The text with links that hold on the site.

    Args:
        text: Markdown without blocks of code.
        place: the folder of its file in the repository.
        uri: the page that it becomes.
        is_page: whether the site has a page or a file.
    """

    def replaced(link: re.Match) -> str:
        image, words, target = link.groups()
        if ELSEWHERE.match(target):
            return link.group()
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(place, path))
        if (ROOT / path).is_dir():
            path = posixpath.join(path, "README.md")
        found = OUTSIDE.get(path, path.removeprefix("docs/"))
        if not is_page(found):
            # What does not exist is left to mkdocs, which refuses it.
            return words if (ROOT / path).exists() else link.group()
        relative = os.path.relpath(found, posixpath.dirname(uri) or ".")
        return f"{image}[{words}]({relative}{'#' if anchor else ''}{anchor})"

    return LINK.sub(replaced, text)
