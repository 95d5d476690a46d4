"""The probes: each looks at one thing in the facts and says what is wrong with it, or nothing.

A probe is a pure function; it starts no program and reads no file. They are all in
`rootless_build.host.examination`, in order.
"""
