# syntax=docker/dockerfile:1
# 29: as 28, with ADD of git repositories in the form of a query.
ARG SUPPORTED=${TARGETPLATFORM#linux/amd64} SUPPORTED=${SUPPORTED:+false}
FROM --platform=$BUILDPLATFORM debian:bookworm AS xx
FROM --platform=$BUILDPLATFORM debian:bookworm AS base
COPY --link --from=xx / /
WORKDIR /usr/src/tool
FROM base AS tool-src
ADD https://example.com/tool.git?ref=v1.0&keep-git-dir=1 .
FROM base AS tool
ARG TARGETPLATFORM
ARG TARGETARCH
RUN --mount=from=tool-src,source=/usr/src/tool,rw --mount=source=hack/install,target=/tmp/install --mount=type=cache,target=/root/.cache,id=tool-$TARGETPLATFORM <<EOT
  set -e
  make PREFIX=/build $TARGETARCH
EOT
FROM base AS build
ARG VERSION
WORKDIR /go/src/example.com/engine
RUN --mount=type=bind,target=. --mount=type=tmpfs,target=cli/winresources/engine --mount=type=cache,target=/root/.cache <<EOT
  set -e
  ./hack/make.sh binary
  mv bundles/binary /build
EOT
FROM scratch AS binary
COPY --link --from=build /build/ /
FROM scratch AS all
COPY --link --from=tool /build/ /
COPY --link --from=binary / /
