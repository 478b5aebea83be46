"""Picture data → a terminal (`terminal`), or an SVG, PNG or PDF file (`files`)."""
