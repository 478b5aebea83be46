"""Files made to break readers, the one promise that every run keeps, and processes under faults."""
