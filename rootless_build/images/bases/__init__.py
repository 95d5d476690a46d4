"""Base images of the distribution's own packages, where no registry answers.

Start with `packages`, which makes one, and `substitutes`, which takes one for a build.
"""
