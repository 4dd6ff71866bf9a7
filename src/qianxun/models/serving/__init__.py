"""Running vLLM for the models of the settings."""
