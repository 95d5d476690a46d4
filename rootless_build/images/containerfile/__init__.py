"""Containerfiles and ignore files as BuildKit reads them, whole, and without knowing an engine.

Start with `parser`, then `stages`; `grammar` says what is wrong in a containerfile.
"""
