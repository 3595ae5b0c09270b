"""A stand-in for the application."""
