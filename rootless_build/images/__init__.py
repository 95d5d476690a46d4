"""Images: containerfiles, their rewriting for an engine, base images, the record of what was built.

Imports `backend`, `files`, `process` and `model`. Start with `rewrite.session` for what is built,
`external` and `bases` for what it is built on, and `image_records` for what `rbuild clean` removes.
"""
