"""A project, and the words of the command line, become a plan.

Imports `files`, `process` and `model`. Start with `front_ends`, then `make.recipe`.
"""
