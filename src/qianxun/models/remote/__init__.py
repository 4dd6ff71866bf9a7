"""Models behind HTTP: vLLM, any OpenAI-compatible server, rerank servers, DashScope."""
