# 19.03: many stages, one of them chosen by an argument.
ARG CROSS=false
ARG GO_VERSION=1.13
FROM debian:bookworm AS base
FROM base AS cross-false
FROM base AS cross-true
RUN dpkg --add-architecture armhf
FROM cross-${CROSS} AS dev-base
FROM base AS tool
COPY hack/install /install
RUN PREFIX=/build /install tool
FROM dev-base AS dev
COPY --from=tool /build/ /usr/local/bin/
WORKDIR /go/src/example.com/engine
ENTRYPOINT ["hack/entry"]
FROM dev AS final
COPY . /go/src/example.com/engine
