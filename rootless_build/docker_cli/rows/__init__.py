"""The rows of `commands`, by what they are about.

Source: `--help` of docker 29.1 and buildx 0.30.
"""
