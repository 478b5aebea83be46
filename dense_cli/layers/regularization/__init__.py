"""Layers that do something in training alone: Dropout and its kin, noise, activity regularization."""
