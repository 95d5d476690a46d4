"""Layers of COPY, ADD and WORKDIR, made as BuildKit makes them, without an engine.

Start with `request` for what is asked and answered, and `client` for who asks. The work is done by
`worker`, a process that is root of the engine's user namespace: there it reads the files of images
where they lie, with their owners. In it `maker` does one operation after the other to an
`image_tree`, with the files of `sources`, and writes what has changed as a `tar`.
"""
