"""Comparison of losses: what the seeds allow to be said, and what not."""
