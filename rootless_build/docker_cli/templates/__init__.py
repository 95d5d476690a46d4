"""Go's text/template, as docker's `--format` has it: `parser` reads one, `execution` fills it in
with `data`, and `functions` are those that docker's templates know.
"""
