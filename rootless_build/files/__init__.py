"""Files that a container, a project or another user made: opened so that nothing else is.

Imports `process` and `model`. Start with `below` and `tree`.
"""
