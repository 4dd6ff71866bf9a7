"""Profiles: models that belong together, as settings that everything else goes over."""

from collections.abc import Mapping
from typing import Any, Final

# The ports are those that `qianxun models serve` uses.
ENCODER_PORT: Final = 8101
RERANKER_PORT: Final = 8102
GENERATOR_PORT: Final = 8103

_ENCODER: Final = "Qwen/Qwen3-Embedding-0.6B"
_RERANKER: Final = "Qwen/Qwen3-Reranker-0.6B"
_GENERATOR: Final = "Qwen/Qwen2.5-7B-Instruct"
_DASHSCOPE: Final = "https://dashscope.aliyuncs.com"
_KEY: Final = "DASHSCOPE_API_KEY"

PROFILES: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "builtin": {},
    "qwen-local": {
        "encoder": {"model": _ENCODER},
        "reranker": {"model": _RERANKER},
        "generator": {"model": _GENERATOR},
    },
    "qwen-vllm": {
        "encoder": {"model": _ENCODER, "url": f"http://127.0.0.1:{ENCODER_PORT}/v1", "api": "vllm"},
        "reranker": {"model": _RERANKER, "url": f"http://127.0.0.1:{RERANKER_PORT}/v1", "api": "vllm"},
        "generator": {"model": _GENERATOR, "url": f"http://127.0.0.1:{GENERATOR_PORT}/v1"},
    },
    "dashscope": {
        "encoder": {
            "model": "text-embedding-v4",
            "url": f"{_DASHSCOPE}/compatible-mode/v1",
            "api": "dashscope",
            "api_key_env": _KEY,
            "dimension": 1024,
        },
        "reranker": {
            "model": "qwen3-rerank",
            "url": _DASHSCOPE,
            "api": "dashscope",
            "api_key_env": _KEY,
        },
        "generator": {
            "model": "qwen2.5-7b-instruct",
            "url": f"{_DASHSCOPE}/compatible-mode/v1",
            "api_key_env": _KEY,
        },
    },
}
