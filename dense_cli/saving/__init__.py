"""Saved models and configs: read, written, and turned into layers, without running any code in them."""
