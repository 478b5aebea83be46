"""Activation functions as layers: Activation, Softmax, ReLU, LeakyReLU, PReLU, ELU."""
