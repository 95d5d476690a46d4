"""Does a plan's steps: order, staging and publishing, provenance, recovery; knows no engine.

Imports every room but `cli`. Start with `run`: it gives each
step to `image_steps`, `container_steps` or `host_commands`, which share a `context`.
"""
