"""Which of Keras' own tests are about what dense_cli does not have, and why."""

from __future__ import annotations

import re

FILES = [
    "layers/core/dense_test.py",
    "layers/core/masking_test.py",
    "layers/core/embedding_test.py",
    "layers/core/input_layer_test.py",
    "layers/core/identity_test.py",
    "layers/core/wrapper_test.py",
    "layers/core/einsum_dense_test.py",
    "layers/rnn/time_distributed_test.py",
    "layers/rnn/bidirectional_test.py",
    "layers/rnn/gru_test.py",
    "layers/rnn/lstm_test.py",
    "layers/rnn/rnn_test.py",
    "layers/rnn/simple_rnn_test.py",
    "layers/rnn/stacked_rnn_cells_test.py",
    "layers/merging/merging_test.py",
    "layers/normalization/batch_normalization_test.py",
    "layers/normalization/layer_normalization_test.py",
    "layers/normalization/unit_normalization_test.py",
    "layers/pooling/average_pooling_test.py",
    "layers/pooling/max_pooling_test.py",
    "layers/pooling/global_average_pooling_test.py",
    "layers/pooling/global_max_pooling_test.py",
    "layers/reshaping/cropping1d_test.py",
    "layers/reshaping/cropping2d_test.py",
    "layers/reshaping/flatten_test.py",
    "layers/reshaping/permute_test.py",
    "layers/reshaping/repeat_vector_test.py",
    "layers/reshaping/reshape_test.py",
    "layers/reshaping/up_sampling1d_test.py",
    "layers/reshaping/up_sampling2d_test.py",
    "layers/reshaping/zero_padding1d_test.py",
    "layers/reshaping/zero_padding2d_test.py",
    "layers/activations/activation_test.py",
    "layers/activations/elu_test.py",
    "layers/activations/leaky_relu_test.py",
    "layers/activations/prelu_test.py",
    "layers/activations/relu_test.py",
    "layers/activations/softmax_test.py",
    "layers/attention/additive_attention_test.py",
    "layers/attention/attention_test.py",
    "layers/attention/multi_head_attention_test.py",
    "layers/attention/grouped_query_attention_test.py",
    "initializers/constant_initializers_test.py",
    "initializers/initializer_test.py",
    "initializers/random_initializers_test.py",
    "activations/activations_test.py",
    "models/functional_test.py",
    "models/sequential_test.py",
    "utils/summary_utils_test.py",
]

_TRAINING = "training"
_IMPORTS = "a class is imported from the module that a config names, which is running its code"
_INTERNAL = "an attribute that only Keras' own code uses"

PATTERNS = {
    r"quanti|int4|int8|float8|gptq|awq|dtype_policy_map": "quantization",
    r"lora": "LoRA, which is training",
    r"sparse(?!_sigmoid|_plus|max)|ragged": "sparse and ragged tensors",
    r"legacy_load": "a format of quantized weights",
    r"pooling3d|cropping_3d|padding_3d": "layers of three space axes",
    r"lanczos|bicubic|various_interpolation": "interpolation other than nearest and bilinear",
    r"lambda": "Lambda layers, which are code",
    r"stft": "the STFT initializer",
}
"""A pattern in a test's name -> the reason."""

TESTS = {
    "BatchNormalizationTest": {
        **dict.fromkeys(
            (
                "test_bachnorm_ignore_masked_values", "test_bn_basics", "test_correctness",
                "test_input_fully_masked", "test_masked_broadcast_normalization", "test_renorm_basics",
                "test_renorm_correctness", "test_trainable_behavior",
            ),
            _TRAINING,
        ),
    },
    "TimeDistributedTest": {"test_with_mask_zero": _TRAINING},
    "ReshapeTest": {"test_reshape_model_fit_with_varying_input_size_and_minus_one": _TRAINING},
    "AttentionTest": {"test_attention_with_dropout": _TRAINING},
    "FunctionalTest": {
        "test_dict_input_to_list_model": _TRAINING,
        "test_required_none_raises_in_fit": _TRAINING,
        "test_for_functional_in_sequential": "keras.applications",
    },
    "SummaryUtilsTest": {
        "test_print_model_summary": _TRAINING,
        "test_print_model_summary_op_as_layer": _TRAINING,
    },
    "WrapperTest": {"test_wrapper_basics": _IMPORTS},
    "RNNTest": {"test_basics": _IMPORTS, "test_serialization": _IMPORTS},
    "MergingLayersTest": {
        "test_concatenate_with_mask_symbolic": "masks of symbolic tensors: a running model computes them",
    },
    "SimpleRNNTest": {
        "test_fused_gru_eligibility": _INTERNAL,
        "test_fused_lstm_eligibility": _INTERNAL,
    },
    "FlattenTest": {
        "test_flatten_dense": "sparse tensors, which it calls the layer with too",
        "test_flatten_with_dynamic_batch_size_and_dynamic_dimenstions": "blocks of different shapes for a "
        "model without an Input",
    },
    "RandomInitializersTest": {"test_random_normal": "a SeedGenerator of Keras' own"},
}  # fmt: skip
"""A test's class -> the beginning of its name -> the reason."""


def reason(test_class: str, name: str) -> str | None:
    """Return why a test is out of scope, or None where it applies; ``name`` may end in a case's number."""
    known = TESTS.get(test_class, {})
    for start, why in known.items():
        if re.fullmatch(rf"{start}\d*", name):
            return why
    for pattern, why in PATTERNS.items():
        if re.search(pattern, name):
            return why
    return None
