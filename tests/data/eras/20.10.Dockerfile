# syntax=docker/dockerfile:1
# 20.10: mounts of caches, of the context and of tmpfs, and short platforms.
FROM --platform=amd64 debian:bookworm AS helper-amd64
FROM debian:bookworm AS base
RUN --mount=type=cache,sharing=locked,target=/var/lib/apt --mount=type=cache,sharing=locked,target=/var/cache/apt apt-get update
FROM base AS tool
RUN --mount=type=cache,target=/root/.cache/go-build --mount=type=cache,target=/go/pkg/mod --mount=type=bind,src=hack/install,target=/tmp/install PREFIX=/build /tmp/install
FROM base AS build-binary
COPY --from=tool /build/ /usr/local/bin/
ARG VERSION
WORKDIR /go/src/example.com/engine
RUN --mount=type=bind,target=/go/src/example.com/engine --mount=type=tmpfs,target=/go/src/example.com/engine/autogen --mount=type=cache,target=/root/.cache PREFIX=/build hack/make.sh binary
FROM scratch AS binary
COPY --from=build-binary /build/bundles/ /
