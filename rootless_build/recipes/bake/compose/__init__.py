"""Compose files as targets of a bake file. Start with `services`."""
