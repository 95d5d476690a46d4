"""A containerfile rewritten into one that an engine builds alike. Start with `session`.

`features` says which engine knows what since when; `rules` has one module for each rewrite;
`rewriter` puts them together. Facts: frontend/dockerfile of moby/buildkit (docs.docker.com,
"Dockerfile reference"), and the sources of buildah at each release.
"""
