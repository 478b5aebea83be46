"""Layer output → what is asked for: classes, the likeliest, measures, comparison, checks. Arrays only."""
