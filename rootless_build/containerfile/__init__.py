"""Containerfiles: a parser, and the rewriting of one into what an older engine builds alike.

`parser` reads BuildKit's language whole and knows no engine; `grammar` says what is wrong in it;
`features` says which engine knows what since when; `rules` has one module for each rewrite;
`normal` puts them together. Facts: frontend/dockerfile of moby/buildkit (docs.docker.com,
"Dockerfile reference"), and the sources of buildah at each release.
"""
