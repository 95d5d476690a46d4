"""Images: containerfiles, the layers of COPY, what is left to an engine, base images, the record of
what was built.

Imports `backend`, `files`, `process` and `model`. Start with `building` for how one is built,
`external` and `bases` for what it is built on, and `image_records` for what `rbuild clean` removes.
"""
