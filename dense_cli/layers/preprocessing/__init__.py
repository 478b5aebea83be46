"""Layers that bring a model's input into range: Normalization, Rescaling."""
