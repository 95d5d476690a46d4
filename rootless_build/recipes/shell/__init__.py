"""Lines of a recipe, read by a grammar of the shell's: which commands are docker's.

Start with `line`.
"""
