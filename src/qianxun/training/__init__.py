"""Fine-tuning of the models in this process on the user's own judgements (extra `train`); see docs/tuning-models.md."""
