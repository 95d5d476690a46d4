"""A sandbox for looking: programs of a project run, and what they do to this host does not count.

`rbuild plan` has make read the project's Makefile, and that may run anything. So it runs in
namespaces of its own: nothing but its own directories can be written, no socket of the user's can
be reached, and no process outside. What was denied is told, since a build would do it.

Start with `running`. In the child process `inside` makes namespaces, `mounts` what they show, and
`filter` picks the system calls that `watch` answers; `aftermath` finds what was done all the same,
and `kernel` has the calls that Python has no names for: who needs these alone loads nothing else.
"""
