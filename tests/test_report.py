"""``densecli report``: the numbers of the page are those of `predict`; in a browser it asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import zlib
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
        self.data: dict[str, list[Any]] = {"labels": [], "axes": [], "values": []}
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
        if given.get("type") == "application/json":
            self._kind = given.get("id") or given.get("class") or "values"
            self._inside.append("json")
        elif tag not in ("img", "meta", "br"):
            self._inside.append(tag)
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
            self.data[self._kind].append(json.loads(data))
        elif self._rows and ("td" in self._inside or "th" in self._inside):
            self._rows[-1][-1] += data.removesuffix("\n")

    def codes(self, at: int) -> np.ndarray:
        """Return the numbers of a heat map, in ten-thousandths, one after another."""
        low, high = np.frombuffer(
            zlib.decompress(base64.b64decode(self.data["values"][at])), np.uint8
        ).reshape(2, -1)
        return low + 256 * high.astype(int)


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
    assert page.data["labels"] == [dict(zip(map(str, range(10)), names, strict=True))]
    for at, section in enumerate(page.sections):
        number = int(section[1:])
        y = np.array(found["probabilities"][number])
        np.testing.assert_array_equal(page.codes(at).reshape(10, 8), np.round(y.T * 10000))
        assert page.data["axes"][at] == {"classes": list(range(10)), "steps": list(range(8))}
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


def test_targets_that_do_not_fit_are_among_the_findings(run: Run, here: Path) -> None:
    lines = (SAMPLES / "digits_true.csv").read_text().split()
    names = (SAMPLES / "digits.txt").read_text().split()
    targets = np.array([[names.index(name) for name in line.split(",")] for line in lines])
    np.save("t.npy", np.roll(targets, 1, axis=0))
    page = written(run, *DIGITS, "--targets", "t.npy")
    assert [row[0] for row in page.tables["What is wrong"][1:]] == ["targets-shifted"]


def test_the_page_allows_its_own_style_and_script_alone(run: Run, here: Path) -> None:
    other_digits(run)
    page = written(run, *DIGITS, *TARGETS, "--against", "b.npy")
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
        assert name != "style"
        assert name != "href" or re.fullmatch(r"#s\d+", value)
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


# --- against other outputs ---------------------------------------------------------------------------


def other_digits(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Write what the digits give, and the same with noise, as a.npy and b.npy; return both."""
    assert run("predict", *DIGITS, "-o", "a.npy").code == 0
    a = np.load("a.npy")
    noisy = a * np.exp(np.random.default_rng(0).normal(0, 0.3, a.shape))
    b = (noisy / noisy.sum(axis=-1, keepdims=True)).astype(np.float32)
    np.save("b.npy", b)
    return a, b


def test_flips_are_those_of_compare_the_largest_change_first(run: Run, here: Path) -> None:
    a, b = other_digits(run)
    page = written(run, *DIGITS, "--against", "b.npy")
    names = (SAMPLES / "digits.txt").read_text().split()
    compared = run("compare", "a.npy", "b.npy")
    assert f"<strong>{compared.text.splitlines()[0]}</strong>" in Path("r.html").read_text()
    found = json.loads(run("compare", "a.npy", "b.npy", "-f", "json", "--all").out)["flipped"]
    assert len(found) > 5
    header, *rows = page.tables["Rows that change class, the largest change first"]
    assert header == [
        "sample",
        "t",
        "class in A",
        "probability",
        "class in B",
        "probability",
        "total variation",
    ]
    assert rows == [
        [
            *map(str, at := flip["at"]),
            names[flip["class_a"]],
            f"{a[*at].max():.4f}",
            names[flip["class_b"]],
            f"{b[*at].max():.4f}",
            f"{flip['total_variation']:.4g}",
        ]
        for flip in sorted(found, key=lambda flip: -flip["total_variation"])
    ]


def test_samples_that_change_come_first_with_both_heat_maps(run: Run, here: Path) -> None:
    a, b = other_digits(run)
    page = written(run, *DIGITS, "--against", "b.npy")
    flipped = a.argmax(-1) != b.argmax(-1)
    variation = np.abs(a.astype(float) - b).sum(axis=-1) / 2
    change = np.where(flipped, variation, 0).max(axis=1)
    margin = np.diff(np.sort(a, axis=-1)[..., -2:])[..., 0].min(axis=1)
    assert page.sections == [f"s{i}" for i in np.lexsort((margin, -change))]
    names = (SAMPLES / "digits.txt").read_text().split()
    for at, section in enumerate(page.sections):
        number = int(section[1:])
        for side, y in enumerate((a, b)):
            codes = page.codes(2 * at + side).reshape(10, 8)
            np.testing.assert_array_equal(codes, np.round(y[number].T.astype(float) * 10000))
        header, *rows = page.tables[f"Steps of sample {number}"]
        assert header[3:5] == ["class in B", "probability"]
        for t, row in enumerate(rows):
            changed = " (changed)" if flipped[number, t] else ""
            assert row[3:5] == [names[b[number, t].argmax()] + changed, f"{b[number, t].max():.4f}"]


def test_with_targets_it_is_said_which_side_is_right(run: Run, here: Path) -> None:
    a, b = other_digits(run)
    page = written(run, *DIGITS, *TARGETS, "--against", "b.npy")
    names = (SAMPLES / "digits.txt").read_text().split()
    lines = (SAMPLES / "digits_true.csv").read_text().split()
    targets = np.array([[names.index(name) for name in line.split(",")] for line in lines])
    first, second = a.argmax(-1), b.argmax(-1)
    lost = np.count_nonzero((first == targets) & (second != targets))
    won = np.count_nonzero((first != targets) & (second == targets))
    assert lost
    assert won
    text = f"Of the rows that change, {lost} are right in A alone, {won} in B alone."
    assert text in Path("r.html").read_text()
    for row in page.tables["Rows that change class, the largest change first"][1:]:
        place = int(row[0]), int(row[1])
        assert row[-1] == names[targets[place]]
        assert row[2].endswith(" (right)") == (first[place] == targets[place])
        assert row[4].endswith(" (right)") == (second[place] == targets[place])


def test_nothing_changes_where_both_are_the_same(run: Run, here: Path) -> None:
    other_digits(run)
    page = written(run, *DIGITS, "--against", "a.npy")
    text = Path("r.html").read_text()
    assert "<strong>No class changed in 128 rows; every number is the same.</strong>" in text
    assert "Rows that change class, the largest change first" not in page.tables
    assert page.sections == written(run, *DIGITS).sections


def test_padding_and_rows_without_a_class_against_other_outputs(run: Run, here: Path) -> None:
    a = np.tile(np.array([0.9, 0.1], np.float32), (3, 2, 1))
    b = a.copy()
    b[0, 1], b[1, 0], b[2, 1] = [0.4, 0.6], np.nan, [0.1, 0.9]
    np.save("a.npy", a)
    np.save("b.npy", b)
    Path("lengths.json").write_text("[2, 2, 1]")
    page = written(run, "a.npy", "--lengths", "lengths.json", "--against", "b.npy")
    assert page.tables["Rows that change class, the largest change first"][1:] == [
        ["1", "0", "0", "0.9000", "-", "-", "-"],
        ["0", "1", "0", "0.9000", "1", "0.6000", "0.5"],
    ]
    assert page.sections == ["s1", "s0", "s2"]
    assert page.tables["Steps of sample 2"][2][:5] == ["1 (padding)", "0", "0.9000", "1", "0.9000"]


def test_logits_are_held_against_logits_at_the_same_temperature(run: Run, here: Path) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 30, 4))
    np.save("x.npy", x)
    np.save("y.npy", y)
    page = written(run, "x.npy", "--logits", "--temperature", 2, "--against", "y.npy")
    p, q = (np.exp(z / 2) / np.exp(z / 2).sum(axis=1, keepdims=True) for z in (x, y))
    flips = {str(i): (p[i].max(), q[i].max()) for i in np.flatnonzero(p.argmax(1) != q.argmax(1))}
    rows = page.tables["Rows that change class, the largest change first"][1:]
    assert {row[0]: (row[2], row[4]) for row in rows} == {
        i: (f"{before:.4f}", f"{after:.4f}") for i, (before, after) in flips.items()
    }


def test_picked_samples_and_lines_step_by_step_meet_their_own(run: Run, here: Path) -> None:
    _a, b = other_digits(run)
    page = written(run, *DIGITS, "-b", "4:7", "--against", "b.npy")
    assert sorted(page.sections) == ["s4", "s5", "s6"]
    at = 2 * page.sections.index("s5") + 1
    np.testing.assert_array_equal(page.codes(at).reshape(10, 8), np.round(b[5].T.astype(float) * 10000))
    assert run("slice", "b.npy", "-f", "jsonl", "-o", "b.jsonl").code == 0
    assert run("predict", "a.npy", "-f", "jsonl", "-o", "a.jsonl").code == 0
    flips = "Rows that change class, the largest change first"
    expected = written(run, "a.npy", "--against", "b.npy").tables[flips]
    assert written(run, "a.jsonl", "--against", "b.jsonl").tables[flips] == expected


def test_the_page_is_small_with_both_sides(run: Run, here: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a.npy", "b.npy"):
        y = rng.exponential(size=(60, 100, 100)) ** 2
        np.save(name, (y / y.sum(axis=2, keepdims=True)).astype(np.float32))
    page = written(run, "a.npy", "--against", "b.npy")
    assert (len(page.sections), len(page.data["values"])) == (50, 100)
    assert len(page.tables["Rows that change class, the largest change first"]) == 101
    assert Path("r.html").stat().st_size < 3_000_000


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("-", "--against is read more than once: expected a file, found standard input"),
        ("none.npy", "Error: none.npy: No such file or directory"),
        ("short.npy", "short.npy: expected the shape of y.npy, (2, 2), found (1, 2)"),
        ("logits.npy", "logits.npy: not distributions: expected rows of the last axis that sum to 1, found"),
    ],
)
def test_what_cannot_be_held_against_is_refused(other: str, message: str, run: Run, here: Path) -> None:
    np.save("y.npy", np.full((2, 2), 0.5))
    np.save("short.npy", np.full((1, 2), 0.5))
    np.save("logits.npy", np.array([[3.0, 1.0], [0.0, 2.0]]))
    ran = run("report", "y.npy", "--against", other, "-o", "r.html")
    assert (ran.code, message in ran.err) == (2, True), ran.err
    assert ("--units" in ran.err, "Traceback" in ran.err) == (False, False)
    assert not Path("r.html").exists()


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


@pytest.fixture(params=["alone", "against"])
def opened(request: Any, browser: Any, run: Run, here: Path) -> Iterator[Any]:
    """Return a page with hostile labels, opened from disk; in the end it has neither asked nor complained."""
    Path("names.json").write_text(json.dumps(HOSTILE))
    y = np.random.default_rng(1).random((6, 5, 3)).astype(np.float32)
    np.save("y.npy", y / y.sum(axis=2, keepdims=True))
    other = np.random.default_rng(2).random((6, 5, 3)).astype(np.float32)
    np.save("<b onclick=x>.npy", other / other.sum(axis=2, keepdims=True))
    against = ["--against", "<b onclick=x>.npy"] if request.param == "against" else []
    assert run("report", "y.npy", "--labels", "names.json", *against, "-o", "r.html").code == 0
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


def with_both(test: Any) -> Any:
    """Run a test of a page with --against alone."""
    return pytest.mark.parametrize("opened", ["against"], indirect=True)(test)


def test_labels_are_text_in_a_browser(opened: Any) -> None:
    assert opened.title() == "y.npy: what the layer puts out"
    assert opened.locator("img[onerror], [onclick]").count() == 0
    assert {opened.locator("td", has_text=name).count() > 0 for name in HOSTILE} == {True}


def test_a_number_is_told_by_pointing_and_by_keys(opened: Any) -> None:
    field = opened.locator(".field").first
    told = opened.locator("output").first
    number = int(opened.locator("section.sample").first.get_attribute("id")[1:])
    y = np.load("y.npy")[number]
    box = field.bounding_box()
    field.hover(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    expect_text(told, f"{HOSTILE[1]}, step 2: {y[2, 1]:.4f}")
    field.focus()
    for key in ("ArrowRight", "ArrowDown"):
        opened.keyboard.press(key)
    expect_text(told, f"{HOSTILE[2]}, step 3: {y[3, 2]:.4f}")


def expect_text(element: Any, text: str) -> None:
    """Wait until an element has a text; the numbers of a heat map are unpacked when they are wanted."""
    from playwright.sync_api import expect

    expect(element).to_have_text(text, timeout=60_000)


@with_both
def test_numbers_of_the_other_side_are_told_beside_its_own_map(opened: Any) -> None:
    number = int(opened.locator("section.sample").first.get_attribute("id")[1:])
    opened.locator(".field").nth(1).focus()
    opened.keyboard.press("ArrowRight")
    expect_text(
        opened.locator("output").nth(1),
        f"{HOSTILE[0]}, step 1: {np.load('<b onclick=x>.npy')[number, 1, 0]:.4f}",
    )
    assert opened.locator("output").first.text_content() == ""


@with_both
def test_a_link_to_a_sample_that_is_hidden_shows_it(opened: Any) -> None:
    opened.locator("#choose").select_option("s0")
    link = opened.locator("a[href^='#s']:not([href='#s0'])").first
    target = opened.locator(link.get_attribute("href"))
    assert not target.is_visible()
    link.focus()
    opened.keyboard.press("Enter")
    assert target.is_visible()
    assert opened.locator("#choose").input_value() == ""


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


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_neither_long_names_nor_many_columns_are_wider_than_the_window(
    width: int, browser: Any, run: Run, here: Path
) -> None:
    other_digits(run)
    long = "b" * 200 + ".npy"
    Path("b.npy").rename(long)
    assert run("report", *DIGITS, *TARGETS, "--against", long, "-n", 2, "-o", "r.html").code == 0
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((here / "r.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(scheme: str, opened: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    opened.emulate_media(color_scheme=scheme)
    found = axe.run(opened).response
    assert len(found["passes"]) > 20
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []


def test_the_page_is_readable_without_its_script(browser: Any, run: Run, here: Path) -> None:
    other_digits(run)
    assert run("report", *DIGITS, "--against", "b.npy", "-n", 2, "-o", "r.html").code == 0
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((here / "r.html").as_uri())
    assert page.locator("section.sample:visible").count() == 2
    assert page.locator("table:visible").count() == 4
    assert page.locator(".controls:visible").count() == 0
    context.close()
