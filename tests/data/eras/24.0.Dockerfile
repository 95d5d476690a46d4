# syntax=docker/dockerfile:1
# 24.0, 25.0: as 23.0, with linked copies and the default kind of a mount.
FROM --platform=$BUILDPLATFORM debian:bookworm AS xx
FROM --platform=$BUILDPLATFORM debian:bookworm AS base
COPY --link --from=xx / /
WORKDIR /usr/src/tool
FROM base AS tool-src
RUN git init . && git remote add origin https://example.com/tool.git
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
