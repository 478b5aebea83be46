"""``densecli report``: the numbers of the page are those of `predict`; in a browser it asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLES, Run

DIGITS = (SAMPLES / "digits.npy", "-w", SAMPLES / "digits.keras", "--labels", SAMPLES / "digits.txt")
TARGETS = ("--targets", SAMPLES / "digits_true.csv")
HOSTILE = [
    "</script><script>document.title='hacked'</script>",
    "<img src=x onerror=\"document.title='hacked'\">",
    "&lt;b&gt;",
]


class Page(HTMLParser):
    """What a test needs of a page: its tables by caption, the data of its scripts, its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[str]]] = {}
        self.data: list[Any] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.sections: list[str] = []
        self._inside: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag == "section":
            self.sections.append(given["id"])
        if tag not in ("img", "meta", "br"):
            self._inside.append("json" if given.get("type") == "application/json" else tag)
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag == "table":
            self._rows, self._caption = [], ""

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() not in (tag, "json"):
            pass
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "caption" in self._inside:
            self._caption += data
        elif self._inside and self._inside[-1] == "json":
            self.data.append(json.loads(data))
        elif self._rows and ("td" in self._inside or "th" in self._inside):
            self._rows[-1][-1] += data


def written(run: Run, *args: object) -> Page:
    ran = run("report", *args, "-o", "r.html")
    assert ran.code == 0, ran.err
    return Page(Path("r.html").read_text())


def test_a_sample_has_the_numbers_that_predict_prints(run: Run, here: Path) -> None:
    page = written(run, *DIGITS, *TARGETS)
    assert len(page.sections) == 16
    found = json.loads(run("predict", *DIGITS, *TARGETS, "-f", "json").out)
    losses = {f"s{i}": max(row) for i, row in enumerate(found["loss"])}
    assert page.sections == sorted(losses, key=lambda name: -losses[name])
    names = (SAMPLES / "digits.txt").read_text().split()
    for section, data in zip(page.sections, page.data, strict=True):
        number = int(section[1:])
        y = np.array(found["probabilities"][number])
        codes = np.frombuffer(base64.b64decode(data["values"]), "<u2").reshape(10, 8)
        np.testing.assert_array_equal(codes, np.round(y.T * 10000))
        assert (data["names"], data["steps"]) == (names, list(range(8)))
        story = page.tables[f"Steps of sample {number}"][1:]
        for t, row in enumerate(story):
            order = np.argsort(-y[t], kind="stable")
            assert row[:5] == [
                str(t),
                names[order[0]],
                f"{y[t].max():.4f}",
                names[order[1]],
                f"{y[t][order[1]]:.4f}",
            ]
            assert row[8] == f"{found['loss'][number][t]:.4f}"


def test_without_targets_the_smallest_margins_come_first(run: Run, here: Path) -> None:
    page = written(run, *DIGITS, "-n", 5)
    found = json.loads(run("predict", *DIGITS, "--measure", "margin", "-f", "json").out)
    least = [min(row) for row in found["margin"]]
    assert page.sections == [f"s{i}" for i in np.argsort(least, kind="stable")[:5]]
    assert "11 more samples are not shown." in Path("r.html").read_text()


def test_files_have_their_hashes(run: Run, here: Path) -> None:
    page = written(run, *DIGITS)
    rows = page.tables["Files that were read"][1:]
    digest = hashlib.sha256((SAMPLES / "digits.npy").read_bytes()).hexdigest()
    assert [row[0] for row in rows] == ["input", "weights", "labels"]
    assert rows[0][1:] == [
        str(SAMPLES / "digits.npy"),
        f"{(SAMPLES / 'digits.npy').stat().st_size:,}",
        digest,
    ]


def test_findings_are_those_of_check(run: Run, here: Path) -> None:
    y = np.full((40, 3), 1 / 3, np.float32)
    np.save("y.npy", y)
    page = written(run, "y.npy")
    found = json.loads(run("check", "y.npy", "-f", "json").out)["findings"]
    assert found
    assert [row[0] for row in page.tables["What is wrong"][1:]] == [finding["check"] for finding in found]


def test_the_page_allows_its_own_style_and_script_alone(run: Run, here: Path) -> None:
    page = written(run, *DIGITS, *TARGETS)
    text = Path("r.html").read_text()
    policy = next(
        value for tag, name, value in page.attributes if (tag, name) == ("meta", "content") and "src" in value
    )
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|//www|url\(|@import", text)
    for _, name, value in page.attributes:
        assert name not in ("style", "href")
        assert not name.startswith("on")
        assert name != "src" or value.startswith("data:image/png;base64,")


def test_padding_classless_rows_and_many_classes_are_said(run: Run, here: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.random((3, 4, 150)).astype(np.float32)
    y /= y.sum(axis=2, keepdims=True)
    y[1, 0] = np.nan
    np.save("y.npy", y)
    Path("lengths.json").write_text("[4, 4, 2]")
    page = written(run, "y.npy", "--lengths", "lengths.json")
    assert [row[0] for row in page.tables["Steps of sample 2"][1:]] == [
        "0",
        "1",
        "2 (padding)",
        "3 (padding)",
    ]
    assert page.tables["Steps of sample 1"][1][1:5] == ["-", "-", "-", "-"]
    assert "of 150 classes the 100 likeliest are shown" in Path("r.html").read_text()


def test_the_page_is_small(run: Run, here: Path) -> None:
    y = np.random.default_rng(0).random((60, 100, 100)).astype(np.float32)
    np.save("y.npy", y / y.sum(axis=2, keepdims=True))
    page = written(run, "y.npy")
    assert len(page.sections) == 50
    assert Path("r.html").stat().st_size < 3_000_000


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-"], "a report reads INPUT more than once: expected a file, found standard input"),
        (["y.npy", "--scores"], "a report is about distributions: softmax or sparsemax"),
        (["none.npy"], "Error: none.npy: No such file or directory"),
    ],
)
def test_what_cannot_be_reported_is_refused(args: list[str], message: str, run: Run, here: Path) -> None:
    np.save("y.npy", np.full((2, 2), 0.5))
    ran = run("report", *args, "-o", "r.html")
    assert (ran.code, message in ran.err) == (2, True)
    assert not Path("r.html").exists()


# --- in a browser ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any, run: Run, here: Path) -> Iterator[Any]:
    """Return a page with hostile labels, opened from disk; in the end it has neither asked nor complained."""
    Path("names.json").write_text(json.dumps(HOSTILE))
    y = np.random.default_rng(1).random((6, 5, 3)).astype(np.float32)
    np.save("y.npy", y / y.sum(axis=2, keepdims=True))
    assert run("report", "y.npy", "--labels", "names.json", "-o", "r.html").code == 0
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((here / "r.html").as_uri())
    yield page
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    page.close()


def test_labels_are_text_in_a_browser(opened: Any) -> None:
    assert opened.title() == "y.npy: what the layer puts out"
    assert opened.locator("img[onerror]").count() == 0
    assert {opened.locator("td", has_text=name).count() > 0 for name in HOSTILE} == {True}


def test_a_number_is_told_by_pointing_and_by_keys(opened: Any) -> None:
    field = opened.locator(".field").first
    told = opened.locator("output").first
    number = int(opened.locator("section.sample").first.get_attribute("id")[1:])
    y = np.load("y.npy")[number]
    box = field.bounding_box()
    field.hover(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    assert told.text_content() == f"{HOSTILE[1]}, step 2: {y[2, 1]:.4f}"
    field.focus()
    for key in ("ArrowRight", "ArrowDown"):
        opened.keyboard.press(key)
    assert told.text_content() == f"{HOSTILE[2]}, step 3: {y[3, 2]:.4f}"


def test_sorting_and_choosing_work_by_keyboard(opened: Any) -> None:
    sections = opened.locator("section.sample")
    opened.locator("#sort").focus()
    opened.locator("#sort").select_option("order 1")
    assert [sections.nth(i).get_attribute("id") for i in range(6)] == [f"s{i}" for i in range(6)]
    opened.locator("#choose").focus()
    opened.keyboard.press("ArrowDown")
    assert opened.locator("section.sample:visible").count() == 1


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_nothing_is_wider_than_the_window(width: int, opened: Any) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_is_readable_without_its_script(browser: Any, run: Run, here: Path) -> None:
    assert run("report", *DIGITS, "-n", 2, "-o", "r.html").code == 0
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((here / "r.html").as_uri())
    assert page.locator("section.sample:visible").count() == 2
    assert page.locator("table:visible").count() == 3
    assert page.locator(".controls:visible").count() == 0
    context.close()
