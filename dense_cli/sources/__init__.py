"""Bytes → `Source`: one file per format, one table of formats (`formats.py`)."""
