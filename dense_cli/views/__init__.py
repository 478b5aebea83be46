"""Layer output → what is asked for: classes, the likeliest classes, probabilities. Arrays only."""
