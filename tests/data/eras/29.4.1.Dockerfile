# syntax=docker/dockerfile:1
# 29.4.1: as 29.0, with ADD of git repositories in the form of a query.
ARG SUPPORTED=${TARGETPLATFORM#linux/amd64} SUPPORTED=${SUPPORTED:+false}
FROM --platform=$BUILDPLATFORM example.com/xx:1 AS xx
FROM --platform=$BUILDPLATFORM debian:bookworm AS base
COPY --from=xx / /
WORKDIR /usr/src/tool
FROM base AS tool-src
ADD https://example.com/tool.git?ref=v1.0&keep-git-dir=1 .
FROM base AS tool
RUN --mount=type=cache,sharing=locked,target=/var/lib/apt --mount=type=cache,sharing=locked,target=/var/cache/apt apt-get update
ARG TARGETPLATFORM
ARG TARGETARCH
RUN --mount=from=tool-src,src=/usr/src/tool,rw --mount=source=hack/install,target=/tmp/install --mount=type=cache,target=/root/.cache,id=tool-$TARGETPLATFORM <<EOT
  set -e
  make PREFIX=/build $TARGETARCH
EOT
FROM scratch AS helper-windows
FROM example.com/helper:1 AS helper-linux
FROM helper-${TARGETOS} AS helper
FROM base AS resources-src
ADD https://example.com/resources.git?ref=v1.0 .
FROM base AS build
COPY --from=resources-src / /usr/src/resources
RUN --mount=type=cache,sharing=locked,target=/var/lib/apt --mount=type=cache,sharing=locked,target=/var/cache/apt apt-get update
ARG VERSION
WORKDIR /go/src/example.com/engine
RUN --mount=type=bind,target=. --mount=type=cache,target=/root/.cache,id=build-$TARGETPLATFORM <<EOT
  set -e
  ./hack/make.sh binary
  mv bundles/binary /build
EOT
FROM scratch AS binary
COPY --from=build /build/ /
FROM scratch AS all
COPY --link --from=tool /build/ /
COPY --link --from=helper / /
COPY --link --from=binary / /
FROM base AS dev
COPY --link --from=tool /build/ /usr/local/bin/
COPY --link --from=helper / /usr/local/bin/
WORKDIR /go/src/example.com/engine
