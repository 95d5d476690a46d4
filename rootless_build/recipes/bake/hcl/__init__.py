"""The language of bake files: tokens, syntax, types, values, functions. Start with `reader`."""
