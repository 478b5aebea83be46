"""Views → bytes: one file per format, one table of writers (`formats.py`)."""
