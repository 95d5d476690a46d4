#!/bin/sh
# hack/make.sh BUNDLE…
set -e
: "${PREFIX:=bundles}"
root=$PWD
mkdir -p "$PREFIX"
for bundle in "$@"; do
	echo "---> Making bundle: $bundle (in $PREFIX)"
	[ "$VERSION" != broken ] || { echo "broken: no such symbol" >&2; exit 7; }
	generated=cmd/projectd/generated
	# The tree as it is found, before anything is written to it.
	find . ! -type d | sort > "$PREFIX/projectd.found"
	echo "$VERSION" > version_autogen
	echo "$bundle" > "$generated/kind"
	compile "$PREFIX/projectd" "projectd version $(cat version_autogen), commit $DOCKER_GITCOMMIT," \
		"$(cat "$generated/kind") for ${TARGETPLATFORM:-this host}"
	compile "$PREFIX/libexec/project-proxy" "$(cat "$root/cmd/project-proxy/words")"
done
