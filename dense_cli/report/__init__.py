"""A `reporting.Report` → one HTML page that needs nothing else."""
