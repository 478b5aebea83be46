"""Layers that move numbers and change none: Flatten, Reshape, Permute, RepeatVector, padding, cropping."""
