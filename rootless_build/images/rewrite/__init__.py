"""A containerfile rewritten into one that an engine builds as BuildKit would. Start with `session`.

`features` says which engine knows what since when; `rules` has one module for each rewrite, which
gets a `state.Site`; `rewriter` applies them to a whole file; `source_map` turns what the engine
says of the new file into words about the old one; `own_context_files` keeps what rbuild itself
writes out of the build context. Facts: frontend/dockerfile of moby/buildkit (docs.docker.com,
"Dockerfile reference"), and the sources of buildah at each release.
"""
