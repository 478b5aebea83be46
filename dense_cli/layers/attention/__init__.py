"""Keras' attention layers."""
