"""Whole containerfiles as strangers write them, language by language, on busybox for their images.

In a text `@base@` is the tests' base image. What would need a network is a few words of a shell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Archive, Case, Context, File, Member

_FILES: Final[Context] = {
    "package.json": '{"name": "app"}\n',
    "package-lock.json": "{}\n",
    "go.mod": "module app\n",
    "go.sum": "",
    "main.go": "package main\n",
    "cmd/app/main.go": "package main\n",
    "Cargo.toml": "[package]\n",
    "Cargo.lock": "",
    "src/main.rs": "fn main() {}\n",
    "pom.xml": "<project/>\n",
    "src/main/java/App.java": "class App {}\n",
    "requirements.txt": "a==1\n",
    "app/__init__.py": "",
    "app/main.py": "print(1)\n",
    "docker-entrypoint.sh": File('#!/bin/sh\nset -e\nexec "$@"\n', mode=0o755),
    "nginx.conf": "events {}\n",
    "rootfs/etc/profile.d/x.sh": "export X=1\n",
    "rootfs/usr/bin/tool": File("#!/bin/sh\necho tool\n", mode=0o755),
    "a.tar.gz": Archive((Member("pkg/bin/x", "1\n", mode=0o755), Member("pkg/l", "bin/x", "link"))),
    ".env": "A=1\n",
}
_WEB: Final[Context] = {
    "tool": File("#!/bin/sh\necho got\n"),
    "x.tar": Archive((Member("t/f", "1\n"),)),
}
_SUM: Final = hashlib.sha256(b"#!/bin/sh\necho got\n").hexdigest()

_LANGUAGES: Final = {
    "node": r"""# build me
ARG NODE_VERSION=20
FROM @base@ AS base
WORKDIR /usr/src/app
FROM base AS deps
RUN --mount=type=bind,source=package.json,target=package.json \
    --mount=type=bind,source=package-lock.json,target=package-lock.json \
    --mount=type=cache,target=/root/.npm \
    mkdir -p node_modules/a && cp package.json node_modules/a/
FROM deps AS build
COPY . .
RUN mkdir dist && cat src/main.rs > dist/index.js
FROM base AS final
ENV NODE_ENV production
USER tester
COPY package.json .
COPY --from=deps /usr/src/app/node_modules ./node_modules
COPY --from=build /usr/src/app/dist ./dist
EXPOSE 3000
CMD node dist/index.js
""",
    "node of an old kind": """FROM @base@

MAINTAINER Some One <one@example.com>

ENV NPM_CONFIG_LOGLEVEL=warn \\
    PATH=/app/node_modules/.bin:$PATH

RUN mkdir -p /app
WORKDIR /app
COPY package.json package-lock.json* yarn.lock* ./
RUN ls > installed && rm -rf /tmp/* /root/.npm
ADD . /app/
RUN chown -R tester:tester /app
USER tester
ENTRYPOINT [ "npm" ]
CMD [ "run", "start" ]
""",
    "go": r"""FROM --platform=$BUILDPLATFORM @base@ AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev COMMIT
WORKDIR /src
RUN --mount=type=cache,target=/go/pkg/mod/,sharing=locked \
    --mount=type=bind,source=go.sum,target=go.sum \
    --mount=type=bind,source=go.mod,target=go.mod \
    cat go.mod >/dev/null && ls -A . > /seen
RUN --mount=type=cache,target=/go/pkg/mod/ --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=bind,target=. \
    CGO_ENABLED=0 GOOS=$TARGETOS sh -c 'echo "-X main.version=${VERSION} $GOOS" > /bin/server'
FROM scratch
COPY --from=build /bin/server /seen /bin/
COPY --from=build --chmod=0644 /etc/passwd /etc/passwd
USER 65532:65532
ENTRYPOINT ["/bin/server"]
""",
    "go with an argument for each": """ARG GO_VERSION=1.22
ARG BASE_IMAGE=@base@
FROM ${BASE_IMAGE} AS builder-1.22
ARG GO_VERSION
ENV GOFLAGS="-trimpath -mod=readonly" GOPATH=/go
WORKDIR ${GOPATH}/src/app
COPY go.mod go.su[m] ./
COPY . ./
RUN echo "$GO_VERSION $GOFLAGS" > /app && find . -type f | sort >> /app
FROM ${BASE_IMAGE}
COPY --from=builder-1.22 /app /usr/local/bin/
""",
    "rust": r"""FROM @base@ AS chef
WORKDIR /app
FROM chef AS planner
COPY . .
RUN sha256sum Cargo.toml Cargo.lock > recipe.json
FROM chef AS builder
COPY --from=planner /app/recipe.json recipe.json
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/app/target \
    <<EOT
set -e
mkdir -p /app/target/release
echo built > /app/target/release/server
cp /app/target/release/server /bin/server
EOT
FROM @base@ AS runtime
ARG UID=10001
RUN echo "appuser:x:${UID}:${UID}::/nonexistent:/sbin/nologin" >> /etc/passwd
USER appuser
COPY --from=builder /bin/server /bin/
EXPOSE 8000
CMD ["/bin/server"]
""",
    "java": r"""FROM @base@ as deps
WORKDIR /build
RUN --mount=type=bind,source=pom.xml,target=pom.xml --mount=type=cache,target=/root/.m2 \
    touch /root/.m2/settings && ls -A /build > /o
FROM deps as package
COPY ./src src/
RUN --mount=type=bind,source=pom.xml,target=pom.xml --mount=type=cache,target=/root/.m2 \
    ls /root/.m2 >> /o && mkdir -p target && find src -type f > target/app.jar
FROM package as extract
WORKDIR /build
RUN mkdir -p target/extracted/app target/extracted/lib && cp target/app.jar target/extracted/app/
FROM @base@ AS final
COPY --from=extract build/target/extracted/lib/ ./
COPY --from=extract build/target/extracted/app/ /o ./
HEALTHCHECK --start-period=30s --retries=5 CMD ["true"]
ENTRYPOINT [ "java", "org.springframework.boot.loader.launch.JarLauncher" ]
""",
    "python": r"""FROM @base@ as base
ENV PYTHONDONTWRITEBYTECODE=1
ENV PYTHONUNBUFFERED=1
WORKDIR /app
ARG UID=10001
RUN printf '%s:' \
    appuser \
    x \
    "${UID}" \
    "${UID}" \
    "" \
    "/nonexistent" \
    >> /etc/passwd; \
    echo "/sbin/nologin" >> /etc/passwd
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=requirements.txt,target=requirements.txt \
    cp requirements.txt /tmp/installed
USER appuser
COPY . .
EXPOSE 8000
CMD uvicorn 'app.main:app' --host=0.0.0.0 --port=8000
""",
    "python with an environment": """FROM @base@ AS build
SHELL ["/bin/sh", "-exc"]
RUN <<EOT
mkdir -p /app/bin
echo '#!/app/bin/python' > /app/bin/run
EOT
COPY --link <<'EOF' /app/bin/activate
VIRTUAL_ENV="/app"
PATH="$VIRTUAL_ENV/bin:$PATH"
EOF
COPY app /src/app
WORKDIR /src
RUN --mount=type=cache,target=/root/.cache echo $- > /app/flags
FROM @base@
SHELL ["/bin/sh", "-exc"]
ENV PATH=/app/bin:$PATH
RUN <<EOT
echo app:x:101: >> /etc/group
echo app:x:100:101::/app:/bin/false >> /etc/passwd
EOT
STOPSIGNAL SIGINT
COPY --from=build --chown=app:app /app /app
USER app
WORKDIR /app
RUN id -un > whoami; pwd >> whoami
""",
    "ruby": r"""FROM @base@ AS base
ENV RAILS_ENV="production" \
    BUNDLE_DEPLOYMENT="1" \
    BUNDLE_PATH="/usr/local/bundle"
WORKDIR /rails
FROM base AS build
COPY package.json package-lock.json ./
RUN mkdir -p "${BUNDLE_PATH}"/ruby && touch "${BUNDLE_PATH}"/ruby/x && \
    rm -rf ~/.bundle/ "${BUNDLE_PATH}"/ruby/*/cache
COPY . .
RUN SECRET_KEY_BASE_DUMMY=1 sh -c 'echo $SECRET_KEY_BASE_DUMMY > tmp-assets'
FROM base
COPY --from=build "${BUNDLE_PATH}" "${BUNDLE_PATH}"
COPY --from=build /rails /rails
RUN echo rails:x:1001: >> /etc/group && \
    echo rails:x:1001:1001::/home/rails:/bin/sh >> /etc/passwd && \
    mkdir -p db log storage tmp && \
    chown -R rails:rails db log storage tmp
USER 1001:1001
ENTRYPOINT ["/rails/docker-entrypoint.sh"]
EXPOSE 3000
CMD ["./bin/rails", "server"]
""",
    "a web server": """FROM @base@
COPY nginx.conf /etc/nginx/nginx.conf
COPY ./docker-entrypoint.sh /
RUN ln -sf /dev/stdout /var/access.log && ln -sf /dev/stderr /var/error.log \\
  && mkdir -p /var/cache/nginx /var/run && chmod g+rwx /var/cache/nginx /var/run \\
  && chgrp -R 0 /var/cache/nginx
VOLUME /var/cache/nginx
EXPOSE 80 443
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["nginx", "-g", "daemon off;"]
""",
    "a data base": r"""FROM @base@
RUN set -eux; \
	echo postgres:x:999: >> /etc/group; \
	echo postgres:x:999:999::/var/lib/postgresql:/bin/sh >> /etc/passwd; \
# see https://example.com/1
	mkdir -p /var/lib/postgresql; \
	chown -R postgres:postgres /var/lib/postgresql
ENV LANG en_US.utf8
ENV PG_MAJOR 16
ENV PATH $PATH:/usr/lib/postgresql/$PG_MAJOR/bin
RUN mkdir -p /var/run/postgresql && chown -R postgres:postgres /var/run/postgresql \
	&& chmod 3777 /var/run/postgresql
ENV PGDATA /var/lib/postgresql/data
# this 1777 will be replaced by 0700 at runtime
RUN mkdir -p "$PGDATA" && chown -R postgres:postgres "$PGDATA" && chmod 1777 "$PGDATA"
VOLUME /var/lib/postgresql/data
COPY docker-entrypoint.sh /usr/local/bin/
RUN ln -sT docker-entrypoint.sh /usr/local/bin/docker-ensure-initdb.sh
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
""",
    "dotnet": r"""FROM --platform=$BUILDPLATFORM @base@ AS build
ARG TARGETARCH
ARG BUILDPLATFORM
ARG CONFIGURATION=Release
COPY . /source
WORKDIR /source/app
RUN --mount=type=cache,id=nuget,target=/root/.nuget/packages \
    echo "${TARGETARCH:+arch} ${BUILDPLATFORM%%/*} -c ${CONFIGURATION}" > /app.txt
FROM @base@ AS final
WORKDIR /app
COPY --from=build /app.txt .
ARG APP_UID=1654
ENV APP_UID=${APP_UID}
USER $APP_UID
ENTRYPOINT ["dotnet", "app.dll"]
""",
    "c": r"""FROM @base@ AS toolchain
ARG CFLAGS="-O2 -pipe"
ENV CFLAGS="$CFLAGS" CXXFLAGS="${CFLAGS} -std=c++17"
FROM toolchain AS build
ADD a.tar.gz /usr/src/
WORKDIR /usr/src/pkg
RUN { echo "$CFLAGS"; echo "$CXXFLAGS"; ls -A; } > config.log \
 && mkdir -p /opt/stage/usr/bin && cp -p bin/x /opt/stage/usr/bin/x \
 && ln -s x /opt/stage/usr/bin/y
FROM scratch AS artifact
COPY --from=build /opt/stage/ /usr/src/pkg/config.log /
FROM @base@ AS test
COPY --from=artifact / /
RUN false
FROM artifact
""",
    "php": r"""ARG COMPOSER=@base@
FROM ${COMPOSER} AS vendor
WORKDIR /app
COPY package.json package-lock.json /app/
RUN mkdir -p vendor/bin && printf '<?php\nreturn [];\n' > vendor/autoload.php
FROM @base@
RUN mkdir -p /var/www/html && { \
		echo 'opcache.enable=1'; \
		echo 'opcache.max_accelerated_files=4000'; \
	} > /etc/opcache.ini
WORKDIR /var/www/html
COPY --chown=33:33 --from=vendor /app/vendor/ ./vendor/
COPY --chown=33:33 . .
RUN find . -user 33 | wc -l > /count; find . -type d -exec chmod 2755 {} +
VOLUME ["/var/www/html/storage", "/tmp"]
""",
}

_FORMS: Final = {
    "a matrix of arguments": """ARG OS=linux ARCH=amd64
ARG TRIPLE=${ARCH}-unknown-${OS}
ARG BASE=@base@
FROM ${BASE:-nothing} AS linux-amd64
ENV T=la
FROM ${BASE} AS linux-arm64
ENV T=lr
FROM ${OS}-${ARCH} AS chosen
ARG TRIPLE
ARG OS
ARG ARCH=mips
RUN echo "$T $TRIPLE $OS $ARCH" > /home/x
""",
    "operators in places": """FROM @base@
ARG V=v1.22.3 P=/a/b/c.tar.gz EMPTY=
ENV MAJOR=${V%%.*} REST=${V#*.} LAST=${V##*.} NUM=${V#v} MINOR=${V%.*}
ENV DIR=${P%/*} NAME=${P##*/} DASH=${P//\\//-} ONE=${P/a/x} SET=${V:+yes} UNSET=${W:-no}
ENV E1=${EMPTY:-e} E2=${EMPTY-e} E3=${EMPTY:+e} E4=${EMPTY+e}
WORKDIR /${V#v}
COPY go.mod ${NAME%%.*}-${MINOR}.mod
LABEL v="${V/v/version }"
EXPOSE ${PORT:-80}${PROTO:+/udp}
USER ${U:-tester}
""",
    "an operator that must be there": "FROM @base@\nARG A\nENV B=${A:?set A}\nRUN true\n",
    "blanks and tabs": (
        "\n\n  # a comment\n\tFROM\t@base@\n\n   RUN\techo 1 \\\n\t\t> /home/x\n"
        "\tENV\tA=1   B=2\t\n  COPY   go.mod    /home/\t\n\tLABEL\t a=b\n   \n"
    ),
    "all lines as on Windows": (
        "# escape=\\\r\nFROM @base@ AS x\r\n"
        "RUN echo 1 \\\r\n    && echo 2 > /home/x\r\nENV A=1 \\\r\n    B=2\r\n"
        'COPY go.mod /home/\r\nCMD ["sh", "-c", "true"]\r\n'
    ),
    "a mark at the beginning": "\ufeffFROM @base@\nRUN echo 1 > /home/x\n",
    "a mark and a directive": "\ufeff# escape=`\nFROM @base@\nRUN echo `\n 1 > /home/x\n",
    "a backtick as on Windows": (
        "# escape=`\nFROM @base@\nENV P=C:\\a\\b Q=`$P R=${P}\\x\n"
        'RUN echo a\\\\b `\n    c > /home/x\nWORKDIR /w\nCOPY go.mod .\\x\nLABEL p="a`"b"\n'
        'SHELL ["/bin/sh", "-c"]\nRUN echo "$P" > /home/y\n'
    ),
    "comments in continued lines": r"""FROM @base@
RUN echo 1 \
# one
  # two

    && echo 2 \

    # three
    > /home/x
ENV A=1 \
    # B=2 \
    C=3
COPY \
  # what
  go.mod \
  # where
  /home/
""",
    "directives that come too late": (
        "# a comment\n# escape=`\n# syntax=example.invalid/x\n"
        "FROM @base@\nRUN echo \\\n 1 > /home/x\n"
    ),
    "a directive that nobody knows": (
        "# foo=bar\n# escape=`\nFROM @base@\nRUN echo 1 \\\n > /home/x\n"
    ),
    "a check that is skipped": (
        "# check=skip=all\nFROM @base@ as x\nENV A B\nRUN echo $A > /home/x\n"
    ),
    "small letters everywhere": (
        "from @base@ as one\nrun echo 1 > /home/x\nfrom one\ncopy --from=ONE /home/x /home/y\n"
        "workdir /w\nuser tester\n"
    ),
    "a stage in other letters": "FROM @base@ AS one\nFROM One\nCOPY --from=ONE /etc/group /g\n",
    "a user in other letters": "FROM @base@\nUSER Tester\nRUN true\n",
    "a stage that is a number": "FROM @base@ AS a\nFROM a\nFROM 1\n",
    "a stage that is named by an argument": "ARG A=1\nFROM @base@ AS b-$A\nRUN true\n",
    "a stage that nobody needs": (
        "FROM @base@ AS never\nRUN false\nFROM never AS neither\nCOPY nothing /\n"
        "FROM @base@\nCOPY go.mod /home/\n"
    ),
    "stages by number": (
        "FROM @base@\nRUN echo 0 > /home/x\nFROM @base@\nRUN echo 1 > /home/x\n"
        "FROM scratch\nCOPY --from=0 /home/x /a\nCOPY --from=1 /home/x /b\n"
    ),
    "a shell with pipefail": (
        'FROM @base@\nSHELL ["/bin/ash", "-eo", "pipefail", "-c"]\n'
        "RUN echo a | grep a | cut -c1 > /home/x\nRUN set -o | grep pipefail >> /home/x\n"
        "CMD echo hi\nHEALTHCHECK CMD true | false\nENTRYPOINT exec top -b\n"
    ),
    "a shell with pipefail that fails": (
        'FROM @base@\nSHELL ["/bin/ash", "-eo", "pipefail", "-c"]\n'
        "RUN cat /nothing | wc -l > /home/x\n"
    ),
    "a shell that goes on to another stage": (
        'FROM @base@ AS a\nSHELL ["/bin/ash", "-c"]\nRUN echo $0 > /home/x\nFROM a\n'
        "RUN echo $0 > /home/y\nFROM a AS c\nCOPY --from=1 /home/y /home/z\nCMD x\n"
    ),
    "health": (
        "FROM @base@\nHEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s "
        "--start-interval=2s --retries=2 \\\n  CMD wget -qO- http://localhost/ || exit 1\n"
    ),
    "no health": "FROM @base@ AS a\nHEALTHCHECK CMD true\nFROM a\nHEALTHCHECK NONE\n",
    "groups by number": (
        "FROM @base@\nUSER 1234:5678\nRUN id -u > /tmp/x; id -g >> /tmp/x; id -G >> /tmp/x\n"
        "WORKDIR /tmp/w\nRUN umask >> /tmp/x; touch f\nUSER :5\nUSER tester:5678\n"
        "RUN id -G > /tmp/y\n"
    ),
    "volumes": (
        "FROM @base@\nRUN mkdir -p /data/sub && echo 1 > /data/sub/f && chown -R tester /data\n"
        "VOLUME /data /logs\nRUN echo 2 > /data/sub/g; ls -lA /logs | wc -l > /home/x\n"
        'COPY go.mod /data/\nVOLUME ["/a b"]\nUSER tester\nRUN touch /data/mine\n'
    ),
    "a trigger": (
        "FROM @base@ AS onbuild\nONBUILD ARG V=1\nONBUILD COPY . /usr/src/app\n"
        "ONBUILD WORKDIR /usr/src/app\nONBUILD RUN echo $V > v; ls -A > l\n"
        'FROM onbuild\nARG V\nRUN echo "$V" >> v\n'
    ),
    "a trigger with a mount": (
        "FROM @base@ AS onbuild\nONBUILD RUN --mount=type=cache,target=/c,uid=1000 \\\n"
        "  --mount=type=bind,target=/s,rw touch /s/w /c/x && stat -c %u /c > /home/x\n"
        "ONBUILD USER tester\nFROM onbuild\nRUN id -un > /tmp/x\n"
    ),
    "triggers over two stages": (
        "FROM @base@ AS a\nONBUILD ENV A=1\nONBUILD RUN echo $A > /home/x\nFROM a AS b\n"
        "ONBUILD ENV A=2\nFROM b\nRUN echo $A > /home/y\n"
    ),
    "no network": (
        "FROM @base@\nRUN --network=none ip -o link | grep -v lo: | wc -l > /home/x\n"
        "RUN --network=default true\n"
    ),
    "what only may be": "FROM @base@\nRUN --security=sandbox echo 1 > /home/x\n",
    "what may not be": "FROM @base@\nRUN true\nRUN --security=insecure echo 1 > /home/x\n",
    "a host's network": "FROM @base@\nRUN true\nRUN --network=host echo 1 > /home/x\n",
    "heredocs of files": r"""FROM @base@
ARG WHO=world
COPY <<one.txt <<"two.txt" <<-three.txt /etc/d/
hello $WHO ${X:-x} \$WHO
one.txt
hello $WHO \$
two.txt
	tabs
		more
	three.txt
COPY --chown=1000:1000 --chmod=0755 <<'EOF' /usr/local/bin/run
#!/bin/sh -e
cat <<IN
$1 \
IN
EOF
RUN run a > /home/x
ADD <<EOF /home/y

  blank lines and $WHO

EOF
""",
    "heredocs of scripts": r"""FROM @base@
RUN <<A sh && <<B cat > /home/b
echo $0 > /home/a
A
$HOME
B
RUN cat <<'EOF' | tr a-z A-Z > /home/c
$x "y" \
EOF
RUN <<"END OF IT"
echo d > /home/d
END OF IT
RUN 3<<EOF cat <&3 > /home/e
three
EOF
""",
    "a heredoc that never ends": "FROM @base@\nRUN <<EOF\necho 1\n",
    "a heredoc with nothing": "FROM @base@\nCOPY <<EOF /home/x\nEOF\nRUN <<EOF\nEOF\n",
    "secrets": (
        "FROM @base@\nRUN --mount=type=secret,id=token,required=true \\\n"
        "    --mount=type=secret,id=token,target=/home/.netrc,mode=0440,uid=1000 \\\n"
        "    --mount=type=secret,id=token,env=TOKEN \\\n"
        "    --mount=type=secret,id=none,env=NONE \\\n"
        "    wc -c < /run/secrets/token > /home/x; stat -c '%a %u' /home/.netrc >> /home/x; \\\n"
        '    echo "${#TOKEN} ${NONE-unset}" >> /home/x\nRUN ls -A /home >> /home/y\n'
    ),
    "a secret that is not given": (
        "FROM @base@\nRUN --mount=type=secret,id=no,required cat /run/secrets/no\n"
    ),
    "an agent that nobody has": (
        'FROM @base@\nRUN --mount=type=ssh echo "${SSH_AUTH_SOCK:-none}" > /home/x\n'
    ),
    "an agent that there must be": "FROM @base@\nRUN --mount=type=ssh,required=true true\n",
    "a memory file system": (
        "FROM @base@\nWORKDIR /w\nRUN --mount=type=tmpfs,target=scratch,size=1m \\\n"
        "  --mount=type=tmpfs,target=/tmp touch scratch/x /tmp/y && ls -A /w > /home/x\n"
        "RUN ls -A /w /tmp >> /home/x\n"
    ),
    "a script that is mounted": (
        "FROM @base@ AS tools\nCOPY --chmod=700 docker-entrypoint.sh /go\nFROM @base@\n"
        "RUN --mount=from=tools,source=/go,target=/bin/go go sh -c 'echo 1 > /home/x'\n"
        "RUN --mount=type=bind,from=tools,target=/t ls -A /t/go > /home/y; "
        "ls /t | wc -l >> /home/y\n"
    ),
    "caches by name": (
        "FROM @base@ AS a\nRUN --mount=type=cache,id=c-${TARGETARCH},target=/c echo 1 > /c/x\n"
        "FROM @base@\nARG ID=c-\nCOPY --from=a /etc/group /home/\n"
        "RUN --mount=type=cache,id=$ID,target=/d,ro ls /d > /home/x; "
        "touch /d/y || echo ro >> /home/x\n"
    ),
    "a download with its sum": (
        f"FROM @base@\nADD --checksum=sha256:{_SUM} --chmod=755 @web@/tool /usr/local/bin/\n"
        "RUN tool > /home/x\nADD --unpack=true @web@/x.tar /opt/\nADD @web@/x.tar /srv/\n"
    ),
    "a download with another sum": (
        f"FROM @base@\nRUN true\nADD --checksum=sha256:{_SUM[::-1]} @web@/tool /usr/local/bin/\n"
    ),
    "a repository": (
        "FROM @base@ AS src\nARG REF=v1\nADD --keep-git-dir=false @git@#${REF} /src\n"
        "FROM @base@\nCOPY --from=src /src/ /src/\nADD --link @git@#old:sub /sub\n"
        "RUN cat /src/f > /home/x; ls -A /src /sub >> /home/x\n"
    ),
    "parents and what is left out": (
        "FROM scratch\nCOPY --parents ./src/./main/java/*.java cmd/*/main.go /p/\n"
        "COPY --exclude=**/*.rs --exclude=main src /q/\nCOPY --parents **/*.py /r/\n"
    ),
    "links over each other": (
        "FROM @base@ AS a\nRUN mkdir -p /x/lib && ln -s lib /x/lib64 && touch /x/lib/a\n"
        "FROM @base@\nCOPY --link --from=a /x /\nCOPY --link go.mod /lib64/\nCOPY go.sum /lib64/\n"
        "RUN ls -lA /lib | wc -l > /home/x\n"
    ),
    "an entry point and a command": (
        'FROM @base@ AS a\nCMD ["a", "b"]\nFROM a AS b\nENTRYPOINT ["e"]\nFROM b\nCMD c "d e" $F\n'
    ),
    "labels of a build": (
        "FROM @base@\nARG BUILD_DATE VCS_REF\n"
        "LABEL org.opencontainers.image.created=$BUILD_DATE \\\n"
        '      org.opencontainers.image.revision="${VCS_REF:-none}" \\\n'
        '      "a key"=\'a $value\' multi="one \\\ntwo"\nLABEL maintainer=me\\ you x=\n'
    ),
    "a group of commands": (
        "FROM @base@\n"
        "RUN ( set -e; cd /home; for d in a b; do ( mkdir $d; cd $d; pwd > p ); done )\n"
        'RUN if [ "$(uname -s)" = "Linux" ]; then echo yes; else echo no; fi > /home/x\n'
        'RUN [ -z "$NOTHING" ] && echo z > /home/y\nRUN : > /home/z ; exit 0\n'
        'RUN ["sh", "-c", "echo \\"$0\\" > /home/q", "a b"]\nRUN [ 1 = 1 ]\nRUN ["true"] \n'
    ),
    "a file with an ignore file of its own": ("FROM scratch\nCOPY . /\nCOPY .en[v] /env/\n"),
    "what is copied from an image": (
        "FROM scratch\nCOPY --from=@base@ /etc/passwd /etc/group /etc/\n"
        "COPY --from=@base@ --chown=7:8 /home /home\n"
    ),
    "a long way to a directory": (
        "FROM @base@\nWORKDIR a\nWORKDIR b/../c\nWORKDIR ./d/\nRUN pwd > /home/x\nWORKDIR /e//f/.\n"
        "ENV W=/g\nWORKDIR $W/${X:-h}\nRUN pwd >> /home/x\nUSER tester\nWORKDIR /tmp/i\n"
        "RUN stat -c %U . >> /tmp/x\nWORKDIR ..\nCOPY go.mod ./\n"
    ),
    "arguments of the platform": (
        "ARG TARGETPLATFORM\nFROM @base@\nARG TARGETPLATFORM BUILDPLATFORM TARGETOS BUILDOS "
        "TARGETVARIANT\nARG TARGETARCH=none\n"
        'RUN test "$TARGETPLATFORM" = "$BUILDPLATFORM" && echo "$TARGETOS $BUILDOS '
        '[$TARGETVARIANT]" > /home/x; test "$TARGETARCH" = none || echo set >> /home/x\n'
    ),
    "an argument that changes its mind": (
        "ARG A=1\nFROM @base@ AS a\nRUN echo ${A-unset} > /home/x\nARG A\nRUN echo ${A-unset} >> "
        "/home/x\nARG A=2\nRUN echo $A >> /home/x\nENV A=3\nARG A=4\nRUN echo $A >> /home/x\n"
        "FROM a\nRUN echo ${A-unset} >> /home/x\n"
    ),
    "signals and ports": (
        "FROM @base@\nARG S=9 P=1000\nSTOPSIGNAL ${S}\nEXPOSE $P-1002 80/tcp 80/udp 443/SCTP\n"
        "EXPOSE 8080:80\n"
    ),
    "a word that there is not": "FROM @base@\nRUN true\nINSTALL x\n",
    "nothing to start from": "RUN true\nFROM @base@\n",
    "what goes to dev and proc": (
        "FROM @base@\nRUN mkdir -p /dev/shm/x && echo 0 > /dev/stderr; "
        "echo 1 > /dev/null; ls /proc/self/fd | wc -l > /dev/null; ls -A /dev/shm > /home/x\n"
        "RUN ls -A /dev/shm >> /home/x\nRUN test -c /dev/tty && test -L /dev/stdin && echo ok >> "
        "/home/x\n"
    ),
    "permissions that are asked for": (
        "FROM @base@\nCOPY --chmod=0644 --chown=tester:0 rootfs/ /\n"
        "COPY --chmod=a+X,u=rw cmd /cmd\n"
        "ADD --chown=1000 --chmod=755 a.tar.gz go.sum /a/\nRUN stat -c '%a %u:%g %n' /usr/bin/tool "
        "/cmd/app /a/* > /home/x\n"
    ),
}
_MIXED: Final = {
    "one secret in two RUNs": (
        "FROM @base@\nRUN --mount=type=secret,id=token,mode=0444 stat -c %a /run/secrets/token > "
        "/home/x\nRUN --mount=type=secret,id=token,gid=1000,mode=0440 stat -c '%a %g' "
        "/run/secrets/token >> /home/x\nARG D=/opt\nWORKDIR $D\n"
        "RUN --mount=type=secret,id=token,target=conf/t,uid=1000 stat -c '%U %n' conf/t >> "
        "/home/x; "
        "ls -A >> /home/x\n"
    ),
    "a secret for a user": (
        "FROM @base@\nUSER tester\nRUN --mount=type=secret,id=token,uid=1000 "
        "cat /run/secrets/token | wc -c > /tmp/x\n"
        'RUN --mount=type=secret,id=token,env=T ["sh", "-c", "echo ${#T} > /tmp/y"]\n'
        "RUN --mount=type=secret,id=token cat /run/secrets/token >> /tmp/y || echo no >> /tmp/y\n"
    ),
    "a cache below a home": (
        "FROM @base@\nUSER 1000:1000\nENV HOME=/home/tester\nWORKDIR $HOME/src\n"
        "RUN --mount=type=cache,target=${HOME}/.cache,uid=1000,gid=1000,mode=0700 "
        "touch ~/.cache/x && stat -c '%a %u:%g' ~/.cache > a\n"
        "RUN --mount=type=cache,target=${HOME}/.cache,uid=1000,gid=1000,mode=0700 ls ~/.cache "
        ">> a\n"
        "RUN ls -A ~ >> a\n"
    ),
    "one cache at two places": (
        "FROM @base@\nRUN --mount=type=cache,id=m,target=/a --mount=type=cache,id=m,target=/b/c "
        "echo 1 > /a/x && cat /b/c/x > /home/x\n"
        "RUN --mount=type=cache,id=m,target=/d,ro cat /d/x >> /home/x; ls -A / | grep -c '^[ab]$' "
        ">> /home/x; true\n"
    ),
    "caches and files in them": (
        "FROM @base@ AS deps\nRUN mkdir -p /m/lib && echo 1 > /m/lib/a\nFROM @base@\nWORKDIR /w\n"
        "RUN --mount=type=cache,target=target "
        "--mount=type=bind,source=Cargo.toml,target=Cargo.toml "
        "--mount=type=bind,from=deps,source=/m/lib,target=target/lib,rw "
        "ls -A . target > /home/x; echo 2 > target/lib/b; touch target/kept\n"
        "RUN --mount=type=cache,target=target ls -A target target/lib >> /home/x; ls -A >> "
        "/home/x\n"
    ),
    "a whole context that is written to": (
        "FROM @base@ AS build\nWORKDIR /src\n"
        "RUN --mount=type=bind,target=.,rw mkdir -p out && cp main.go out/ && rm go.mod && "
        "cp -r out /out\nRUN --mount=type=bind,target=. ls -A . > /out/ls; test -f go.mod\n"
        "FROM scratch\nCOPY --from=build /out/ /\n"
    ),
    "an owner that the file itself makes": (
        "FROM @base@\nRUN echo app:x:101: >> /etc/group && "
        "echo app:x:100:101::/app:/bin/sh >> /etc/passwd && mkdir /app && chown app:app /app\n"
        "COPY --chown=app main.go /app/\nCOPY --chown=:app go.mod /app/\nCOPY --chown=app:root "
        "--link=false go.sum /app/d/\nUSER app\nWORKDIR /app/w\nRUN id > i; echo $HOME >> i\n"
    ),
    "names that only the image knows": (
        "FROM @base@\nCOPY --chown=tester:tester --link go.mod /x/\n"
    ),
    "a group that nobody has": "FROM @base@\nRUN true\nCOPY --chown=tester:nobody go.mod /x/\n",
    "an archive over a link": (
        "FROM @base@\nRUN mkdir -p /opt/v1 && ln -s v1 /opt/now\nADD a.tar.gz /opt/now/\n"
        "ADD a.tar.gz /opt/pkg.tar.gz\nADD --unpack=false a.tar.gz /opt/\n"
        "RUN ls /opt /opt/v1 | grep -v gz > /home/x\n"
    ),
    "working directories and links": (
        "FROM @base@\nRUN mkdir -p /data/real && ln -s data/real /srv && ln -s /nowhere /gone\n"
        "WORKDIR /srv/app\nCOPY go.mod .\nRUN pwd -P > /home/x\nWORKDIR /gone/x\nRUN pwd -P >> "
        "/home/x\n"
    ),
    "no PATH": 'FROM @base@\nENV PATH=\nRUN /bin/echo "[$PATH]" > /home/x\n',
    "a PATH of its own": (
        "FROM @base@\nRUN mkdir /p && printf '#!/bin/sh\\necho mine\\n' > /p/ls && chmod 755 "
        "/p/ls\n"
        'ENV PATH=/p:$PATH\nRUN ls /p > /home/x\nRUN ["ls"]\nENV PATH=/nothing\nRUN ["/bin/sh", '
        '"-c", "echo $PATH > /home/y"]\n'
    ),
    "a script for a shell of another name": (
        'FROM @base@\nSHELL ["/bin/busybox", "ash", "-euc"]\nRUN <<EOF\n#!/bin/busybox sh\n'
        "echo ${0##*/} $- > /home/x\nEOF\nRUN <<EOF\necho $- > /home/y\nEOF\n"
        "RUN echo ${NOTHING:-n} >> /home/y\n"
    ),
    "a heredoc that a trigger has": (
        "FROM @base@ AS a\nONBUILD RUN <<EOF\necho 1 > /home/x\nEOF\nFROM a\n"
    ),
    "heredocs as on Windows": (
        "FROM @base@\r\nCOPY <<EOF /home/x\r\none\r\n\ttwo\r\nEOF\r\nRUN cat /home/x | wc -c > "
        "/home/y\r\n"
    ),
    "words that look like heredocs": (
        "FROM @base@\nRUN echo $((1<<3)) > /home/x\n"
        'RUN echo "<<EOF" > /home/z; echo a\\<\\<EOF >> /home/z\nENV A=<<EOF\n'
    ),
    "an argument over what a stage says": (
        "FROM @base@ AS a\nENV V=env\nARG W=arg\nFROM a\nARG V=mine\nARG W\n"
        'RUN echo "$V ${W-unset}" > /home/x\nENV X=$V\n'
    ),
    "what a build is told twice": (
        'FROM @base@\nLABEL a=1\nLABEL a=2 b=1\nENV E=1\nENV E=$E$E\nCMD ["a"]\nCMD b\n'
        'ENTRYPOINT ["x"]\nENTRYPOINT ["y"]\nUSER 0\nUSER 1000\nEXPOSE 1\nEXPOSE 1/tcp\nVOLUME '
        "/v\nVOLUME /v/\n"
    ),
    "a copy to a file that is no directory": (
        "FROM @base@\nRUN true\nCOPY go.mod main.go /home/x\n"
    ),
    "dots and slashes": (
        "FROM @base@ AS a\nRUN mkdir -p /s/.h /s/d && touch /s/.e /s/d/f\nFROM scratch\n"
        "COPY --from=a /s/. /1/\nCOPY --from=a s/d/ /2\nCOPY --from=a /s/*/ /3/\nCOPY --from=a "
        "/s/.h* /4/\n"
        "COPY ./cmd/../cmd/app /5/\nCOPY cmd/./app/. 6\n"
    ),
    "modes of directories": (
        "FROM @base@\nRUN umask 077; mkdir -p /p/q; touch /p/q/f\nCOPY go.mod /p/q/r/s/\n"
        "COPY --chmod=700 rootfs /p/t\nCOPY rootfs/ /p/q/\nWORKDIR /p/q/w/x\n"
    ),
    "an agent's own place": (
        "FROM @base@\nRUN --mount=type=ssh,target=/tmp/agent.sock test ! -e /tmp/agent.sock && "
        "ls -A /tmp > /home/x\n"
    ),
    "nothing at all": "FROM scratch\n",
    "settings alone": 'FROM scratch\nENV A=1\nCMD ["/a"]\nLABEL x=y\n',
}
_GIVEN: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "go": (("VERSION", "1.2 3"),),
    "a matrix of arguments": (("ARCH", "arm64"),),
    "labels of a build": (("VCS_REF", "abc"), ("NOBODY", "1")),
    "a trigger": (("V", "7"),),
}
_WITH_SECRETS: Final = ("secrets", "one secret in two RUNs", "a secret for a user")
_IGNORED: Final = {
    "node": "**/node_modules\n**/.git\n.env\nREADME*\n",
    "python": "# everything\n*\n!app\n!requirements.txt\napp/__init__.py\n",
    "a file with an ignore file of its own": "*\n!.e*\n!src/**/*.java\n",
}


def _case(name: str, text: str) -> Case:
    return Case(
        f"stranger: {name}",
        text.replace("@base@", BASE),
        _FILES,
        ignore=_IGNORED.get(name),
        args=_GIVEN.get(name, ()),
        web=_WEB if "@web@" in text else {},
        secrets={"token": "s3cret\n"} if name in _WITH_SECRETS else {},
    )


STRANGERS: Final = tuple(
    _case(name, text) for name, text in {**_LANGUAGES, **_FORMS, **_MIXED}.items()
)
