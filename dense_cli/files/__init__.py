"""Bytes → named tensors: one module for each container, one table of formats, streams.

Nothing here knows what a layer or a batch is. What comes in is a file; what goes out are `Tensor`s,
described by their headers and read when they are asked for.
"""
