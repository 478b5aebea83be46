"""docs/report.png shows the page that the command above it in docs/gallery.md writes.

``python tests/test_report_picture.py`` takes the picture anew, in Chromium. A picture differs from machine to
machine by its fonts, so it says which page it is of, and that is what is tested.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from pathlib import Path

from test_docs import ROOT, run

GALLERY = ROOT / "docs" / "gallery.md"
PICTURE = ROOT / "docs" / "report.png"
_SHOWN = re.compile(r"^```sh\n(densecli report [^\n]+)\n```\n+!\[[^\]]+\]\(report\.png\)$", re.MULTILINE)
_KEYWORD = b"Page"


def written(folder: Path) -> Path:
    """Return the page that the command of the gallery writes."""
    (command,) = _SHOWN.findall(GALLERY.read_text("utf-8"))
    (folder / "samples").symlink_to(ROOT / "samples")
    said = run(command, folder)
    page = folder / "report.html"
    assert page.exists(), said
    return page


def fingerprint(page: Path) -> str:
    """Return what tells a page from any other, whatever versions of programs wrote it."""
    text = page.read_text("utf-8")
    text = re.sub(r"<p>densecli [^<]+</p>", "", text)
    text = re.sub(r'data:image/png;base64,[^"]+|(?<=<script type="application/json">)"[^"]+"', "", text)
    return hashlib.sha256(text.encode()).hexdigest()


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Return the kind and the data of each chunk of a PNG."""
    found, at = [], 8
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def test_the_picture_is_of_the_page_that_the_command_beside_it_writes(tmp_path: Path) -> None:
    texts = dict(data.split(b"\0", 1) for kind, data in chunks(PICTURE.read_bytes()) if kind == b"tEXt")
    assert texts[_KEYWORD].decode() == fingerprint(written(tmp_path)), "python tests/test_report_picture.py"


def test_readme_and_the_gallery_show_the_picture() -> None:
    assert "](docs/report.png)" in (ROOT / "README.md").read_text("utf-8")
    assert _SHOWN.search(GALLERY.read_text("utf-8"))


def _take(page: Path) -> bytes:
    """Return a picture of the first sample of a page, one of whose numbers is pointed at."""
    import shutil

    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 860, "height": 690})
        opened.goto(page.as_uri())
        field = opened.locator(".field").first
        field.focus()
        for key in ["ArrowRight"] * 3 + ["ArrowDown"] * 8:
            field.press(key)
        opened.wait_for_function("document.querySelector('output').textContent.startsWith('eight')")
        opened.get_by_role("heading", name="Samples that deserve a look").evaluate(
            "it => it.scrollIntoView()"
        )
        taken = opened.screenshot()
        browser.close()
    return taken


def _with_text(png: bytes, text: bytes) -> bytes:
    """Return a PNG with a text before its end."""
    data = b"tEXt" + text
    chunk = struct.pack(">I", len(text)) + data + struct.pack(">I", zlib.crc32(data))
    return png[:-12] + chunk + png[-12:]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        shown = written(Path(name))
        PICTURE.write_bytes(_with_text(_take(shown), _KEYWORD + b"\0" + fingerprint(shown).encode()))
