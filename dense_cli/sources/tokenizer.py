"""How a ``tokenizer.json`` says that its pieces are joined: its decoder, else its model.

In: a file. Out: the config of its decoder, which `views.pieces` makes steps of.

The format: https://huggingface.co/docs/tokenizers/api/decoders
"""

from __future__ import annotations

from typing import Any

import orjson

from dense_cli.errors import ConfigError
from dense_cli.limits import TEXT_COST, require_bytes
from dense_cli.sources.vocabulary import read_text

_HINT = "name how the pieces are joined: --pieces wordpiece, bytelevel, metaspace or bar"


def decoder_config(file: str) -> Any:
    """Return the config of the decoder of a ``tokenizer.json``.

    Raises:
        ConfigError: the file is none, or does not say it.
        SizeError: over 256 MiB.
        OSError: there is no such file, or it cannot be read.
    """
    text = read_text(file)
    require_bytes(len(text) * TEXT_COST, file, "JSON of such a length")
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("model"), dict):
        raise ConfigError(f"{file}: --pieces auto: expected a tokenizer.json", hint=_HINT)
    decoder = value.get("decoder")
    config = _of_model(value["model"]) if decoder is None else decoder
    if config is None:
        raise ConfigError(f"{file}: --pieces auto: no decoder is stated", hint=_HINT)
    return config


def _of_model(model: dict[str, Any]) -> dict[str, Any] | None:
    """Return the decoder that belongs to a model, as far as the model alone says."""
    if model.get("type") == "WordPiece":
        return {"type": "WordPiece", "prefix": model.get("continuing_subword_prefix", "##")}
    if model.get("type") == "Unigram":
        return {"type": "Metaspace"}
    end = model.get("end_of_word_suffix")
    return {"type": "BPEDecoder", "suffix": end} if isinstance(end, str) and end else None
