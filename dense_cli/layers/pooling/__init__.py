"""Layers that take the largest or the mean number of windows, or of everything."""
