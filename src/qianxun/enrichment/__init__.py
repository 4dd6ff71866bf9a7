"""Has a generator write about chunks: a line of context, and questions that they answer. Searched, never shown."""

from qianxun.enrichment.writing import AbsentEnricher, GeneratorEnricher

__all__ = ["AbsentEnricher", "GeneratorEnricher"]
