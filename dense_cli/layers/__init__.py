"""Keras' Dense and TimeDistributed on NumPy arrays."""
