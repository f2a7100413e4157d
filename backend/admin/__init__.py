"""Serve the API of `admin.<base domain>`: what operators and viewers see and ask for."""
