"""Timings of spectral_fast beside the public software that does the same."""
