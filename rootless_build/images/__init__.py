"""Images: containerfiles and their rewriting, base images, the images from outside, the record.

Imports `backend`, `files`, `process` and `model`. Start with `rewrite.session` and `external`.
"""
