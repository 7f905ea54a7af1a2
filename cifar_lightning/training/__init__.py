"""Fit, test and predict as functions: settings in, run folders out."""
