"""Docker's command line: `argv` reads it by the table in `flags`, whose rows name a parser of
`values` and a field of `draft`.
"""
