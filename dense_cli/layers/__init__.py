"""Keras' layers on NumPy arrays, each in the file where Keras has it, loaded when it is first asked for.

>>> import numpy as np
>>> from dense_cli.layers import Dense
>>> Dense(2, kernel_initializer="ones")(np.array([[1.0, 2.0]])).tolist()
[[3.0, 3.0]]
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "layer": "Layer",
    "serialization": "deserialize serialize",
    "input_spec": "InputSpec",
    "core.dense": "Dense",
    "core.einsum_dense": "EinsumDense",
    "core.embedding": "Embedding",
    "core.identity": "Identity",
    "core.input_layer": "Input InputLayer",
    "core.masking": "Masking",
    "core.wrapper": "Wrapper",
    "activations.activation": "Activation",
    "activations.elu": "ELU",
    "activations.leaky_relu": "LeakyReLU",
    "activations.prelu": "PReLU",
    "activations.relu": "ReLU",
    "activations.softmax": "Softmax",
    "attention.additive_attention": "AdditiveAttention",
    "attention.attention": "Attention",
    "attention.grouped_query_attention": "GroupQueryAttention GroupedQueryAttention",
    "attention.multi_head_attention": "MultiHeadAttention",
    "convolutional.conv1d": "Conv1D Convolution1D",
    "convolutional.conv2d": "Conv2D Convolution2D",
    "merging.add": "Add add",
    "merging.average": "Average average",
    "merging.concatenate": "Concatenate concatenate",
    "merging.dot": "Dot dot",
    "merging.maximum": "Maximum maximum",
    "merging.minimum": "Minimum minimum",
    "merging.multiply": "Multiply multiply",
    "merging.subtract": "Subtract subtract",
    "normalization.batch_normalization": "BatchNormalization",
    "normalization.layer_normalization": "LayerNormalization",
    "normalization.unit_normalization": "UnitNormalization",
    "pooling.average_pooling1d": "AveragePooling1D AvgPool1D",
    "pooling.average_pooling2d": "AveragePooling2D AvgPool2D",
    "pooling.global_average_pooling1d": "GlobalAveragePooling1D GlobalAvgPool1D",
    "pooling.global_average_pooling2d": "GlobalAveragePooling2D GlobalAvgPool2D",
    "pooling.global_max_pooling1d": "GlobalMaxPooling1D GlobalMaxPool1D",
    "pooling.global_max_pooling2d": "GlobalMaxPooling2D GlobalMaxPool2D",
    "pooling.max_pooling1d": "MaxPooling1D MaxPool1D",
    "pooling.max_pooling2d": "MaxPooling2D MaxPool2D",
    "preprocessing.normalization": "Normalization",
    "preprocessing.rescaling": "Rescaling",
    "regularization.activity_regularization": "ActivityRegularization",
    "regularization.alpha_dropout": "AlphaDropout",
    "regularization.dropout": "Dropout",
    "regularization.gaussian_dropout": "GaussianDropout",
    "regularization.gaussian_noise": "GaussianNoise",
    "regularization.spatial_dropout": "SpatialDropout1D SpatialDropout2D",
    "reshaping.cropping1d": "Cropping1D",
    "reshaping.cropping2d": "Cropping2D",
    "reshaping.flatten": "Flatten",
    "reshaping.permute": "Permute",
    "reshaping.repeat_vector": "RepeatVector",
    "reshaping.reshape": "Reshape",
    "reshaping.up_sampling1d": "UpSampling1D",
    "reshaping.up_sampling2d": "UpSampling2D",
    "reshaping.zero_padding1d": "ZeroPadding1D",
    "reshaping.zero_padding2d": "ZeroPadding2D",
    "rnn.bidirectional": "Bidirectional",
    "rnn.gru": "GRU GRUCell",
    "rnn.lstm": "LSTM LSTMCell",
    "rnn.rnn": "RNN",
    "rnn.simple_rnn": "SimpleRNN SimpleRNNCell",
    "rnn.stacked_rnn_cells": "StackedRNNCells",
    "rnn.time_distributed": "TimeDistributed",
}

PATHS = {name: f"dense_cli.layers.{module}" for module, names in _MODULES.items() for name in names.split()}
"""Name of a layer or of its function in Keras -> the module that has it."""

__all__ = sorted(PATHS)


def __getattr__(name: str) -> Any:
    if name not in PATHS:
        raise AttributeError(f"module 'dense_cli.layers' has no attribute {name!r}")
    return getattr(import_module(PATHS[name]), name)


def __dir__() -> list[str]:
    return __all__
