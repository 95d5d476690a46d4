"""The RUNs of a segment, rewritten so that an engine does as BuildKit. Start with `session`.

`features` says what an engine is left to do; `rules` has one module for each rewrite, which gets
a `state.Site`; `rewriter` applies them to a whole file; `source_map` turns what the engine says of
the new file into words about the old one. Facts: frontend/dockerfile of moby/buildkit
(docs.docker.com, "Dockerfile reference"), and the sources of buildah at each release.
"""
