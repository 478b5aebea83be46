"""Tensors and text → `Source`: rows of features in blocks, each row with its place.

`open.py` opens any input by the table of formats, `files/formats.py`.
"""
