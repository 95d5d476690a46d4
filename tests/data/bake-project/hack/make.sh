#!/bin/sh
# In the shape of what Docker's build does since 23.0: no checksums, no version in names, no links.
set -e
mkdir -p "$1"
{
	echo '#!/bin/sh'
	echo "echo \"projectd version $VERSION, commit $DOCKER_GITCOMMIT, static $DOCKER_STATIC, for ${TARGETPLATFORM:-this host}\""
} > "$1/projectd"
cp /bin/busybox "$1/project-proxy"
chmod 0755 "$1/projectd"
touch -d '2020-01-02 03:04:05' "$1"/*
