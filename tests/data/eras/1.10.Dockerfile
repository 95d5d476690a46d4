# 1.10 to 18.09: nothing of BuildKit.
FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends build-essential
ENV GO_VERSION 1.6.4
WORKDIR /go/src/example.com/engine
VOLUME /var/lib/engine
ENTRYPOINT ["hack/entry"]
COPY . /go/src/example.com/engine
