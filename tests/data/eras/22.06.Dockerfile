# syntax=docker/dockerfile:1
# 22.06: as 20.10, with relative targets.
FROM --platform=amd64 debian:bookworm AS helper-amd64
FROM debian:bookworm AS base
RUN --mount=type=cache,sharing=locked,target=/var/lib/apt --mount=type=cache,sharing=locked,target=/var/cache/apt apt-get update
FROM base AS build-binary
ARG VERSION
WORKDIR /go/src/example.com/engine
RUN --mount=type=bind,target=. --mount=type=tmpfs,target=autogen --mount=type=tmpfs,target=winresources --mount=type=cache,target=/root/.cache PREFIX=/build hack/make.sh binary
FROM scratch AS binary
COPY --from=build-binary /build/bundles/ /
