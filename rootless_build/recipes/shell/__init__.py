"""Lines of a recipe, read by a grammar of the shell's: what in them is docker's. Start with `line`."""
