"""Docker's command line as data, and what docker prints.

`commands` has a row for each command, `reading` reads a call by it, `templates` are those of
`--format`, `tables` and `shapes` turn what an engine says into what docker says. It knows no
engine, starts no program and prints nothing.
"""
