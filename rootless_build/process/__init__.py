"""Other programs, signals, locks, threads, and rbuild's own terminal.

Imports `model`. Start with `programs`.
"""
