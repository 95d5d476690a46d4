"""Scripts that call docker, and what docker makes of each call in them.

`script` says what a script is, the modules named `…_scripts` have them, `running` makes a program
of one and reads what came of it, `plain` is the rule by which what is each time another is left
out. contrib/reference writes what docker said; tests/e2e/test_scripts.py holds rbuild against it.
"""
