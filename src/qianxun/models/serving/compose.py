"""The model servers as a docker compose file: the same command lines as `models serve` runs, in vLLM's own image.

The file needs nothing beside it: the reranker's prompt template is part of it. No key is written into it, only the
name of the variable that holds one. Starts nothing.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qianxun.models.serving.vllm_command import TEMPLATE, ModelServer

IMAGE: Final = "vllm/vllm-openai:v0.32.0"
_TEMPLATE_PLACE: Final = "/etc/qianxun/qwen3_reranker.jinja"
_MODELS_PLACE: Final = "/models"
_HUB_PLACE: Final = "/hub"
_HEALTH: Final = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/health', timeout=5)"


def compose(servers: Sequence[ModelServer], *, image: str = IMAGE, start_seconds: float = 900.0) -> str:
    """A compose file (YAML) for the servers. `image` names vLLM's image with its version.

    Servers start one after the other, as each measures how much of the GPU is free. Ports are published on the
    addresses that the servers listen on outside of containers.
    """
    lines = ["# Made by `qianxun models serve --compose`. Start it with `docker compose up -d`.", "services:"]
    before = ""
    for server in servers:
        lines += _service(server, image, before, start_seconds)
        before = server.role
    if any(str(TEMPLATE) in server.arguments for server in servers):
        lines += ["configs:", "  qwen3-reranker-template:", "    content: |", *_block(TEMPLATE, 6)]
    return "\n".join(lines) + "\n"


def _service(server: ModelServer, image: str, before: str, start_seconds: float) -> list[str]:
    lines = [
        f"  {server.role}:",
        f"    image: {_text(image)}",
        '    entrypoint: ["vllm", "serve"]',
        "    command:",
        *(f"      - {_text(_escaped(word))}" for word in _words(server)),
        "    environment:",
        *(f"      {name}: {_text(_escaped(value))}" for name, value in server.environment.items()),
        *([f"      HF_HOME: {_HUB_PLACE}"] if server.folder is None else []),
        *([f"      VLLM_API_KEY: ${{{server.key_env}:?}}"] if server.key_env else []),
        "    ports:",
        f"      - {_text(f'{_address(server)}{server.port}:{server.port}')}",
        "    volumes:",
        f"      - {_text(_volume(server))}",
    ]
    if str(TEMPLATE) in server.arguments:
        lines += ["    configs:", "      - source: qwen3-reranker-template", f"        target: {_TEMPLATE_PLACE}"]
    lines += [
        "    healthcheck:",
        f"      test: {_text(['CMD', 'python3', '-c', _HEALTH.format(port=server.port)])}",
        "      interval: 10s",
        "      timeout: 6s",
        "      retries: 6",
        f"      start_period: {start_seconds:g}s",
    ]
    if before:
        lines += ["    depends_on:", f"      {before}:", "        condition: service_healthy"]
    return [
        *lines,
        "    deploy:",
        "      resources:",
        "        reservations:",
        "          devices:",
        "            - driver: nvidia",
        f"              count: {_gpus(server)}",
        "              capabilities: [gpu]",
        # GPUs that share a model exchange numbers through shared memory.
        "    ipc: host",
        "    restart: unless-stopped",
    ]


def _words(server: ModelServer) -> list[str]:
    """The arguments inside the container, after `vllm serve`."""
    words = [word.replace(str(TEMPLATE), _TEMPLATE_PLACE) for word in server.arguments[1:]]
    if server.folder is not None:
        words[0] = f"{_MODELS_PLACE}/{server.folder.name}"
    words[words.index("--host") + 1] = "0.0.0.0"
    return words


def _gpus(server: ModelServer) -> str:
    words = server.arguments
    return words[words.index("--tensor-parallel-size") + 1] if "--tensor-parallel-size" in words else "1"


def _volume(server: ModelServer) -> str:
    if server.folder is None:
        return f"${{HF_HOME:-~/.cache/huggingface}}:{_HUB_PLACE}"
    return f"{_escaped(str(server.folder))}:{_MODELS_PLACE}/{server.folder.name}:ro"


def _address(server: ModelServer) -> str:
    host = "127.0.0.1" if server.host == "localhost" else server.host
    return f"[{host}]:" if ":" in host else f"{host}:"


def _block(path: Path, indent: int) -> list[str]:
    """A file as the lines of a YAML literal block. Dollars are doubled: compose fills variables in."""
    return [(" " * indent + _escaped(line)).rstrip() for line in path.read_text(encoding="utf-8").splitlines()]


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def _text(value: object) -> str:
    """JSON is YAML too, and quotes what must be quoted."""
    return json.dumps(value, ensure_ascii=False)
