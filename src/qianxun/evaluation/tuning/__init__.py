"""Weights and thresholds of search, chosen by judged questions in cross-validation."""
