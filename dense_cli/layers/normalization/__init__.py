"""Layers that bring numbers to a common mean, variance or norm."""
