"""Figures: one kit for all of them, and what `test` draws into a run folder."""
