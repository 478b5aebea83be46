"""Layers of several inputs: sums, products, extremes, concatenation and dot products."""
