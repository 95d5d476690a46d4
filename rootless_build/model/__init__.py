"""What everybody speaks of, as data: plans, events, errors, references, platforms.

Imports no other room. Start with `plan`.
"""
