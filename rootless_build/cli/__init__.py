"""The command line: parse, call, print; nothing else prints or exits.

It may import every room but `files`, which those above it have to do with; a module that a run
which changes nothing can do without is imported where it is used. Start with `app`, then
`commands`, whose table says where each command is; `options` has the groups of options.
"""
