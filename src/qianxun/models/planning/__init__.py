"""What a model needs and what fits on a GPU, from its config.json."""
