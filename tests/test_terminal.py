"""Text from files on a terminal: shown as text, in columns that line up, and unaltered in JSON."""

from __future__ import annotations

import html
import json
import re
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import SAMPLES
from hostile import seeds
from hostile.process import densecli, environment, on_terminal
from markdown_it import MarkdownIt
from wcwidth import wcswidth

from dense_cli.text import clip, encodable, printable

# What a terminal acts on, and how it is shown.
ACTING = {
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x1b]52;c;Zm9v\x1b\\": r"\x1b]52;c;Zm9v\x1b" + "\\",
    "\x9b2J\x90q\x9c": r"\x9b2J\x90q\x9c",
    "a\x08\x08\x7fb": r"a\x08\x08\x7fb",
    "a\tb\x00c\vd\fe": r"a\tb\x00c\x0bd\x0ce",
    "abc\rX": r"abc\rX",
    "\u202eevil\u202c\u2066x\u2069": r"\u202eevil\u202c\u2066x\u2069",
    "a\u200eb\u200fc\u061c": r"a\u200eb\u200fc\u061c",
    "a\u2028b\u2029c\ufeff": r"a\u2028b\u2029c\ufeff",
    # What it would not show.
    "c\u00ada\u200bt\u2060": r"c\xada\u200bt\u2060",
    "c\u200ca\u200dt漢\u200d字": r"c\u200ca\u200dt漢\u200d字",
    "x\U000e0068\U000e0069\U000e007f": r"x\U000e0068\U000e0069\U000e007f",
    "🏴\U000e0067\U000e007f": r"🏴\U000e0067\U000e007f",
    "a\ufe0f\u2764\ufe0f\ufe0e\U000e0101": "a\\ufe0f\u2764\ufe0f\\ufe0e\\U000e0101",
    "\u3164\ufe00\u115fa\u034f\ufff9b\ufffb": r"\u3164\ufe00\u115fa\u034f\ufff9b\ufffb",
    "\u200d🚀 🚀\u200d س\u200c": r"\u200d🚀 🚀\u200d س\u200c",
}
# What only looks as if it were for Rich or for a shell.
LITERAL = [
    "[bold red]danger[/]",
    "[link=file:///etc/passwd]x[/link]",
    "[/]",
    "[/INST]",
    "[PAD]",
    ":smile:",
    "\\[x]",
    "\\",
    "a\\nb",
    "$(reboot)`reboot`",
    "##ing",
    "<s>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert)",
    "*not* _emphasis_ ~~nor~~ struck",
    "&lt;",
]
# Wide, combining, joined and absent.
WIDE = ["日本語", "한국어", "e\u0301a\u0308", "👩‍👩‍👧", "🇩🇪", "ﬁ", "Ａ", "नमस्ते", "", " ", "x" * 60, "漢" * 60]
# Invisible characters that change how their neighbours look.
JOINED = {
    "emoji": "👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 #\ufe0f\u20e3 🙂\u200d↔\ufe0f",
    "Persian": "می\u200cخواهم",
    "Hindi": "क्\u200dष क्\u200cष",
    "a variant of an ideograph": "葛\U000e0100",
    "the end of a verse, a number": "\u06dd١ \u0600",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x2.npy").write_bytes(seeds.npy(seeds.X2))
    (tmp_path / "x3.npy").write_bytes(seeds.npy(seeds.X3))
    (tmp_path / "w.npz").write_bytes(seeds.npz(kernel=seeds.KERNEL, bias=seeds.BIAS))
    return tmp_path


def three_labels(label: str) -> None:
    """Write labels of which the first, which is the likeliest, is ``label``; JSON holds any of them."""
    Path("labels.json").write_text(json.dumps([label, "two", "three"]))


def test_text_that_a_terminal_acts_on_is_shown_escaped_and_all_else_as_it_is() -> None:
    assert {text: printable(text) for text in ACTING} == ACTING
    assert [printable(text) for text in LITERAL + WIDE] == LITERAL + WIDE
    assert {name: printable(text) for name, text in JOINED.items()} == JOINED
    every = "".join(map(chr, range(0x3000)))
    assert set(re.findall(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", printable(every))) == set()


def test_nothing_that_unicode_calls_a_format_character_or_ignorable_is_shown_alone() -> None:
    visible = {chr(c) for c in (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)}
    every = [chr(c) for c in range(0x110000)]
    assert {
        c for c in every if unicodedata.category(c) == "Cf" and printable(f"a{c}b") == f"a{c}b"
    } == visible
    for first, last in ((0xFE00, 0xFE0F), (0xE0000, 0xE0FFF), (0x180B, 0x180F)):
        assert all(printable(f"a{chr(c)}") == f"a{ascii(chr(c))[1:-1]}" for c in range(first, last + 1))


def test_a_long_message_is_cut_in_its_middle() -> None:
    assert clip("x" * 1200) == "x" * 1200
    assert clip("a" * 5000 + "the end") == "a" * 599 + " … " + "a" * 393 + "the end"


def test_a_name_that_is_not_utf_8_is_shown_escaped() -> None:
    assert encodable("x\udcff.npy") == "x\\udcff.npy"
    assert encodable("日本.npy") == "日本.npy"


@pytest.mark.parametrize("label", [*ACTING, *LITERAL])
def test_labels_are_text_in_every_output(label: str, run, place: Path) -> None:
    three_labels(label)
    shown = ACTING.get(label, label)
    options = ["-w", "w.npz", "-a", "softmax", "--labels", "labels.json"]
    for args in (
        ["predict", "x2.npy", *options],
        ["predict", "x2.npy", *options, "-k", 3],
        ["slice", "x3.npy", *options],
        ["decode", "x3.npy", *options],
    ):
        ran = run(*args, env={"FORCE_COLOR": None})
        assert (ran.err, ran.code) == ("", 0)
        assert shown in ran.text
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ran.text)
    markdown = run("predict", "x2.npy", *options, "-f", "markdown")
    page = MarkdownIt("commonmark").enable("table").render(markdown.text)
    assert f">{shown}</th>" in html.unescape(page)
    for format in ("json", "jsonl"):
        ran = run("predict", "x2.npy", *options, "-f", format)
        records = [json.loads(line) for line in ran.out.splitlines()]
        assert label in (
            records[0]["labels"] if format == "json" else [record["label"] for record in records]
        )
    decoded = run("decode", "x3.npy", *options, "-f", "jsonl")
    assert label in json.loads(decoded.out.splitlines()[0])["text"]


@pytest.mark.parametrize("label", [*ACTING, *LITERAL])
def test_labels_are_text_on_a_terminal(label: str, place: Path) -> None:
    three_labels(label)
    ended = on_terminal(
        "predict",
        "x2.npy",
        "-w",
        "w.npz",
        "-a",
        "softmax",
        "--labels",
        "labels.json",
        "-k",
        3,
        cwd=place,
        columns=200,
    )
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", ended.out).decode()
    assert (ended.code, ended.err) == (0, "")
    assert ACTING.get(label, label) in plain
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain)


@pytest.mark.parametrize("name", [name for name in ACTING if "\x00" not in name])
def test_file_names_are_text_in_tables_and_errors_and_whole_in_json(name: str, run, place: Path) -> None:
    shown = ACTING[name]
    for suffix in (".npy", ".npz"):
        Path(name + suffix).write_bytes(Path("x3.npy" if suffix == ".npy" else "w.npz").read_bytes())
    plain = {"FORCE_COLOR": None}
    assert f"x = {shown}.npy (2, 5, 4)" in run("predict", f"{name}.npy", "-u", 3, env=plain).text
    assert f"from {shown}.npz" in run("predict", "x2.npy", "-w", f"{name}.npz", env=plain).text
    assert run("heads", f"{name}.npz", env=plain).text.startswith(f"{shown}.npz: 1 head\n")
    assert json.loads(run("heads", f"{name}.npz", "-f", "json").out)["file"] == f"{name}.npz"
    layer = json.loads(run("predict", "x2.npy", "-w", f"{name}.npz", "-f", "json").out)["layer"]
    assert layer["weights"]["file"] == f"{name}.npz"
    missing = f"Error: {shown}: No such file or directory\n"
    assert run("predict", name, "-u", 3).err == missing
    assert run("predict", "x2.npy", "-w", name).err == missing
    assert run("predict", "x2.npy", "-u", 3, "--labels", name).err == missing
    assert run("heads", name).err == missing
    assert (
        run("predict", "x2.npy", "-u", 3, "-o", f"{name}/y").err
        == f"Error: {shown}/y: the output folder does not exist\n"
    )


def test_a_name_that_is_not_utf_8_is_no_obstacle(run, place: Path) -> None:
    Path("\udcff.npz").write_bytes(Path("w.npz").read_bytes())
    ran = run("predict", "x2.npy", "-w", "\udcff.npz", "-f", "json")
    assert json.loads(ran.out)["layer"]["weights"]["file"] == "\\udcff.npz"
    assert json.loads(run("heads", "\udcff.npz", "-f", "json").out)["file"] == "\\udcff.npz"
    assert run("predict", "\udcff", "-u", 3).err == "Error: \\udcff: No such file or directory\n"


@pytest.mark.parametrize("name", [name for name in ACTING if "\x00" not in name])
def test_keys_and_tensor_names_are_text(name: str, run, place: Path) -> None:
    plain = {"FORCE_COLOR": None}
    shown = printable(repr(name))  # as Python shows a string: escaped, between quotes
    Path("x.json").write_text(json.dumps({name: [[1.0]], "other": [[2.0]]}))
    Path("x.npz").write_bytes(seeds.npz(**{name: seeds.X2, "other": seeds.X2}))
    for file, shape in (("x.json", ""), ("x.npz", " (6, 4)")):
        ran = run("predict", file, "-u", 3)
        assert ran.err == (
            f"Error: {file}: expected one array, found {shown}{shape}, 'other'{shape}\n"
            f"Hint: choose one with --key {printable(name)}\n"
        )
        assert run("predict", file, "-u", 3, "--key", name).code == 0
    Path("c.npz").write_bytes(seeds.npz(**{name: seeds.X2 + 1j}))
    message = f"Error: c.npz: {printable(name)}: complex numbers (dtype complex128): expected real numbers\n"
    assert run("predict", "c.npz", "-u", 3).err == message
    Path("h.npz").write_bytes(seeds.npz(**{f"{name}/kernel": seeds.KERNEL, "other/kernel": seeds.KERNEL}))
    assert printable(name) in run("heads", "h.npz", env=plain).text
    assert json.loads(run("heads", "h.npz", "-f", "json").out)["heads"][0]["name"] == name
    ran = run("predict", "x2.npy", "-w", "h.npz")
    assert ran.err == (
        f"Error: h.npz: 2 heads, and none is named: expected one of {printable(name)} (4, 3), other (4, 3)\n"
        "Hint: name one with --head\n"
    )


@pytest.mark.parametrize("text", [name for name in ACTING if "\x00" not in name])
@pytest.mark.parametrize(
    "args",
    [["TEXT"], ["--TEXT"], ["predict", "--TEXT"], ["predict", "-u", "TEXT"], ["predict", "-f", "TEXT"],
     ["predict", "a", "b", "TEXT"], ["predict", "x2.npy", "-u", "3", "-b", "TEXT"],
     ["predict", "x2.npy", "-u", "3", "-a", "TEXT"],
     ["predict", "x2.npy", "-u", "3", "--memory", "TEXT"], ["decode", "x2.npy", "-u", "3", "--eos", "TEXT"]],
    ids=" ".join,
)  # fmt: skip
def test_arguments_are_text_in_errors(args: list[str], text: str, run, place: Path) -> None:
    ran = run(*[arg.replace("TEXT", text) for arg in args])
    assert (ran.out, ran.code) == (b"", 2)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ran.err)
    assert sum(line.startswith("Error: ") for line in ran.err.splitlines()) == 1
    assert ran.err.rstrip("\n").rpartition("\n")[2].startswith(("Error: ", "Hint: "))


@pytest.mark.parametrize("label", [label for label in WIDE if label.strip()])
def test_columns_line_up_whatever_stands_in_them(label: str, run, place: Path) -> None:
    three_labels(label)
    ran = run(
        "predict",
        "x2.npy",
        "-w",
        "w.npz",
        "-a",
        "softmax",
        "--labels",
        "labels.json",
        env={"FORCE_COLOR": None},
    )
    lines = ran.text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("sample")) + 2
    assert len({wcswidth(line) for line in lines[start : start + 6]}) == 1


# --- what it is shown on -------------------------------------------------------------------------------

ON = ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "-b", "0"]
PLAIN = """\
Dense(3, activation='softmax')  float32
kernel (4, 3) · bias (3,) · from w.npz, head head
x = x2.npy (1, 4) → y (1, 3)
sample  class       0       1       2
─────────────────────────────────────
     0      0  0.8330  0.1426  0.0244
"""


def test_the_numbers_below_are_those_of_the_layer() -> None:
    logits = seeds.X2[0] @ seeds.KERNEL + seeds.BIAS
    exponentials = np.exp(logits - logits.max())
    assert [f"{p:.4f}" for p in exponentials / exponentials.sum()] == ["0.8330", "0.1426", "0.0244"]


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": None}, True),
        ({"TERM": "\x1b[31m"}, True),
        ({"TERM": "xterm", "COLUMNS": "abc", "LINES": "x"}, True),
        ({"TERM": "xterm", "COLUMNS": "0"}, True),
        ({"TERM": "xterm", "COLUMNS": "-1"}, True),
    ],
    ids=str,
)
def test_a_terminal_gets_colours_unless_it_says_otherwise(
    env: dict[str, str | None], coloured: bool, place: Path
) -> None:
    ended = on_terminal(*ON, cwd=place, env=environment(**env))
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", ended.out).decode()
    assert (plain[: len(PLAIN)], ended.err, ended.code) == (PLAIN, "", 0)
    assert bool(re.search(rb"\x1b\[[0-9;]*(3|4|9)[0-9]", ended.out)) == coloured
    assert coloured or "NO_COLOR" in env or b"\x1b" not in ended.out


def test_a_pipe_gets_no_escapes_unless_colour_is_forced(place: Path) -> None:
    assert densecli(*ON, cwd=place, env=environment(TERM="xterm-256color")).out.decode().startswith(PLAIN)
    forced = densecli(*ON, cwd=place, env=environment(TERM="xterm-256color", FORCE_COLOR="1"))
    assert b"\x1b[" in forced.out
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", forced.out).decode().startswith(PLAIN)
    for format in ("json", "jsonl", "csv"):
        forced = densecli(*ON, "-f", format, cwd=place, env=environment(FORCE_COLOR="1"))
        assert (b"\x1b" in forced.out, forced.err, forced.code) == (False, "", 0)


@pytest.mark.parametrize("columns", [1, 20, 30])
def test_a_narrow_terminal_shows_the_likeliest_classes_whole(columns: int, place: Path) -> None:
    ended = on_terminal(*ON, cwd=place, columns=columns, env=environment(TERM="xterm", NO_COLOR="1"))
    table = ended.out.decode().split("(1, 3)\n")[1].splitlines()[:3]
    assert table == ["sample  top1      p1", "────────────────────", "     0     0  0.8330"]
    assert (
        ended.err
        == f"Note: 3 classes do not fit {columns} columns: the 1 likeliest are shown (all: -f csv)\n"
    )


def test_a_dash_is_standard_output_as_without_o(place: Path) -> None:
    for env in (environment(TERM="xterm-256color"), environment(TERM="xterm", PYTHONIOENCODING="ascii")):
        assert on_terminal(*ON, "-o", "-", cwd=place, env=env) == on_terminal(*ON, cwd=place, env=env)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_an_output_without_unicode_is_readable(encoding: str, place: Path) -> None:
    three_labels("漢字")
    env = environment(LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    ended = densecli(*ON, "--labels", "labels.json", cwd=place, env=env)
    assert (ended.err, ended.code) == ("", 0)
    text = ended.out.decode(encoding)
    assert "x = x2.npy (1, 4) -> y (1, 3)" in text
    table = text.splitlines()[3:6]
    assert [cell.strip() for cell in table[0].split("|")[2:4]] == ["label", "\\u6f22\\u5b57"]
    assert [len(line) for line in table[1:]] == [len(table[0])] * 2
    missing = densecli("predict", "日本.npy", "-u", 3, cwd=place, env=env)
    assert missing.code == 2
    assert missing.err.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037"])
def test_what_is_for_people_is_in_the_encoding_of_standard_output_and_data_is_utf_8(
    encoding: str, place: Path
) -> None:
    three_labels("naïve")
    env = environment(PYTHONIOENCODING=encoding)
    options = ["-w", "w.npz", "-a", "softmax", "--labels", "labels.json"]
    for args in (
        ["predict", "x2.npy", *options],
        ["slice", "x3.npy", *options],
        ["decode", "x3.npy", *options],
        ["heads", "w.npz"],
        ["info", "x2.npy"],
        ["compare", "x2.npy", "x2.npy", "--logits"],
        ["check", "x2.npy", "-w", "w.npz", "-a", "softmax"],
    ):
        # Where there is no Unicode, lines are drawn with ASCII.
        plain = environment(PYTHONIOENCODING="latin-1" if encoding == "cp037" else "utf-8")
        expected = densecli(*args, cwd=place, env=plain)
        ended = densecli(*args, cwd=place, env=env)
        text = expected.out.decode("latin-1" if encoding == "cp037" else "utf-8")
        assert (ended.out.decode(encoding), ended.code) == (text, expected.code)
        assert ended.out.decode(encoding).encode(encoding) == ended.out  # one byte order mark at most
    for format in ("json", "jsonl", "csv", "markdown"):
        args = ["predict", "x2.npy", *options, "-f", format]
        assert densecli(*args, cwd=place, env=env).out == densecli(*args, cwd=place).out


# --- long names ----------------------------------------------------------------------------------------


def test_names_of_any_length_make_messages_of_one_screen(run, place: Path) -> None:
    long = "k" * 60_000
    Path("keys.json").write_text(json.dumps({long: [[1]], "l": [[2]]}))
    Path("cell.json").write_text(json.dumps([["x" * 100_000]]))
    Path("columns.csv").write_text("sample," + "z" * 100_000 + "\n1,2\n")
    Path("h.npz").write_bytes(seeds.npz(**{f"{long}/kernel": seeds.KERNEL, "b/kernel": seeds.KERNEL}))
    for args in (
        ["predict", "keys.json", "-u", 3],
        ["predict", "cell.json", "-u", 3],
        ["slice", "columns.csv"],
        ["predict", "x2.npy", "-w", "h.npz"],
        ["predict", "x2.npy", "-w", "w.npz", "-a", "softmax", "--head", long],
        ["predict", "x2.npy", "-u", 3, "--key", long],
        ["predict", "p/" * 2000, "-u", 3],
        ["predict", "x2.npy", "-u", long],
        [long],
    ):
        ran = run(*args)
        assert (ran.out, ran.code) == (b"", 2)
        assert len(ran.err) < 2600
        assert "Error: " in ran.err


def test_a_name_of_many_kilobytes_in_a_zip_keeps_the_promise(run, place: Path) -> None:
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("a" * 65_000 + ".npy", seeds.npy(seeds.X2 + 1j))
    ran = run("predict", "x.npz", "-u", 3)
    assert ran.code == 2
    assert ran.err.startswith("Error: x.npz: aaaa")
    assert ran.err.endswith(": complex numbers (dtype complex128): expected real numbers\n")
    assert len(ran.err) < 1300


@pytest.mark.parametrize(
    ("columns", "args", "what", "header"),
    [
        (60, [], None, "sample  t  label      p1  runner-up      p2  margin"),
        (
            40,
            [],
            "runner-up and margin do not fit 40 columns: the 2",
            "sample  t  top1      p1  top2       p2",
        ),
        (24, [], "runner-up and margin do not fit 24 columns: the 1", "sample  t  top1      p1"),
        (60, ["-k", 3], None, "sample  t  top1      p1  top2       p2  top3       p3"),
        (40, ["-k", 3], "3 classes do not fit 40 columns: the 2", "sample  t  top1      p1  top2       p2"),
    ],
)
def test_a_table_of_steps_fits_the_terminal(
    columns: int, args: list[object], what: str | None, header: str, tmp_path: Path
) -> None:
    given = ["-w", SAMPLES / "digits.keras", "--labels", SAMPLES / "digits.txt", "-b", 2, "-n", 3]
    ended = on_terminal("predict", SAMPLES / "digits.npy", *given, *args, cwd=tmp_path, columns=columns)
    text = re.sub(r"\x1b\[[0-9;]*m", "", ended.out.decode())
    assert ended.err == ("" if what is None else f"Note: {what} likeliest are shown (all: -f csv)\n")
    assert header in [line.rstrip() for line in text.splitlines()]
    assert all(wcswidth(line.rstrip()) <= columns for line in text.splitlines())
