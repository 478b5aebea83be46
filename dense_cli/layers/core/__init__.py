"""Dense, Embedding, Masking and the other layers that Keras counts as its core."""
