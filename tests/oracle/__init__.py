"""Random runs of the command line, and how what they print is held against `reference`."""
