"""Models in this process, through transformers and torch (extra `qwen`)."""
