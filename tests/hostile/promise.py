"""The one promise: exit 0, or exit 2 with one line that says what is wrong; and what breaks it."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_JUDGES = ("compare", "check")  # what they find is an answer, and their exit code 1


def require_kept(command: str, code: int, out: bytes, err: str) -> None:
    """Fail unless a run of ``command`` kept the promise.

    Standard error holds notes, and after them nothing, or one error with at most one hint, and before
    the error the usage lines that Click prints where the command line itself is wrong.
    """
    assert "Traceback" not in err
    assert "Warning" not in err
    assert "a fault of densecli" not in err, err
    assert not _UNPRINTABLE.search(err), repr(err)
    assert len(err) < 4000, f"{len(err)} characters of messages"
    assert b"\x1b" not in out
    lines = [
        line for line in err.splitlines() if not line.startswith(("Note: ", "Usage: ", "Try '")) and line
    ]
    if code == 0 or (code == 1 and command in _JUDGES):
        assert lines == [], err
        return
    assert code == 2, (code, err)
    assert re.fullmatch(r"Error: [^\n]+(\nHint: [^\n]+)?", "\n".join(lines)), err
