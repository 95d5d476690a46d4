#!/bin/sh
# In the shape of Docker's hack/make.sh up to 17.09: bundles/VERSION/NAME, and the link `latest`.
set -e
VERSION=$(cat VERSION)
mkdir -p bundles
if [ -d "bundles/$VERSION" ] && [ -z "$KEEPBUNDLE" ]; then
	echo "bundles/$VERSION already exists. Removing."
	rm -rf "bundles/$VERSION"
fi
mkdir -p "bundles/$VERSION"
ln -sfn "$VERSION" bundles/latest

hash_files() {
	for file in "$@"; do
		dir=$(dirname "$file") base=$(basename "$file")
		(cd "$dir" && md5sum "$base" > "$base.md5" && sha256sum "$base" > "$base.sha256")
	done
}

for bundle in "$@"; do
	DEST=bundles/$VERSION/$bundle
	mkdir -p "$DEST"
	echo "---> Making bundle: $bundle (in $DEST)"
	. "hack/make/$bundle"
done
