"""What loading a saved model cannot do without: its libraries, and the bytes."""

import click  # noqa: F401
import h5py  # noqa: F401
import numpy  # noqa: F401

with open("model.keras", "rb") as file:
    file.read()
