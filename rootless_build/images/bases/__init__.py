"""Base images of the distribution's own packages, where no registry answers.

Start with `packages`.
"""
