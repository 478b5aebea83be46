"""Addresses of files elsewhere: what is one, and what of it may be shown."""

from __future__ import annotations

import re

# One letter before the colon is a drive of Windows.
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.:-]+://"
_SECRETS = re.compile(rf"({_ADDRESS})(?:[^\s/?#@]*@)?([^\s?#]*)(?:[?#]\S*)?")


def is_address(path: str) -> bool:
    """Whether a path is an address of a file elsewhere, which fsspec opens.

    >>> is_address("s3://bucket/x.npy"), is_address("x.npy"), is_address("C://x.npy")
    (True, False, False)
    """
    return "://" in path and re.match(_ADDRESS, path) is not None


def without_secrets(text: str) -> str:
    """Return text with what may be secret in its addresses left out: users, passwords, queries.

    >>> without_secrets("https://me:word@host/x.npy?signature=abc: not found")
    'https://host/x.npy not found'
    >>> without_secrets("x.npy?")
    'x.npy?'
    """
    return _SECRETS.sub(r"\1\2", text) if "://" in text else text


def address_beside(address: str, name: str) -> str | None:
    """Return the address of a file in the folder of another; None where ``name`` may lead elsewhere.

    >>> address_beside("https://host/a/model.index.json?key=1", "part-1.safetensors")
    'https://host/a/part-1.safetensors'
    >>> address_beside("https://host/a/model.index.json", "../part-1.safetensors")
    """
    parts = name.split("/")
    if not all(re.fullmatch(r"[\w.+-]+", part) and part.strip(".") for part in parts):
        return None
    folder = re.split("[?#]", address, maxsplit=1)[0].rpartition("/")[0]
    return f"{folder}/{name}"
