"""Passages to an answer whose citations are checked."""
