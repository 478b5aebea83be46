"""Recurrent layers and the wrappers that go along time."""
