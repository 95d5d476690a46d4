# syntax=docker/dockerfile:1
# 22.06: as 20.10.6, with relative targets; tools are no scripts of the context any more.
ARG CROSS=false
FROM debian:bookworm AS base
FROM base AS cross-false
FROM --platform=linux/amd64 base AS cross-true
FROM cross-${CROSS} AS dev-base
ARG TARGETPLATFORM
RUN --mount=type=cache,sharing=locked,target=/var/lib/apt --mount=type=cache,sharing=locked,target=/var/cache/apt apt-get update
FROM dev-base AS tool
RUN --mount=type=cache,target=/root/.cache/go-build --mount=type=cache,target=/go/pkg/mod go install example.com/tool@v1
FROM --platform=amd64 example.com/helper:1 AS helper-amd64
FROM --platform=arm64 example.com/helper:1 AS helper-arm64
FROM scratch AS helper
COPY --from=helper-amd64 /helper /helper.amd64
COPY --from=helper-arm64 /helper /helper.arm64
FROM dev-base AS build-binary
COPY --from=helper / /usr/local/bin/
ARG VERSION
WORKDIR /go/src/example.com/engine
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,target=.,ro --mount=type=tmpfs,target=cli/winresources/engine PREFIX=/build hack/make.sh binary
FROM scratch AS binary
COPY --from=build-binary /build/bundles/ /
FROM dev-base AS dev
COPY --from=helper / /usr/local/bin/
COPY --from=tool /build/ /usr/local/bin/
WORKDIR /go/src/example.com/engine
ENTRYPOINT ["hack/entry"]
FROM dev AS final
COPY . /go/src/example.com/engine
