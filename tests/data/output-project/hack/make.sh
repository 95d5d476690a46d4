#!/bin/sh
# In the shape of Docker's hack/make.sh of 20.10.
set -e
for bundle in "$@"; do
	dir=$PREFIX/bundles/$bundle
	mkdir -p "$dir"
	echo "---> Making bundle: $bundle (in $dir)"
	{
		echo '#!/bin/sh'
		echo "echo \"projectd version $VERSION, commit $DOCKER_GITCOMMIT, for ${TARGETPLATFORM:-this host}\""
	} > "$dir/projectd-$VERSION"
	chmod 0755 "$dir/projectd-$VERSION"
	ln -sf "projectd-$VERSION" "$dir/projectd"
	[ "$VERSION" != broken ] || { echo "broken: no such symbol" >&2; exit 7; }
	cd "$dir"
	md5sum "projectd-$VERSION" > "projectd-$VERSION.md5"
	sha256sum "projectd-$VERSION" > "projectd-$VERSION.sha256"
	touch -d '2020-01-02 03:04:05' projectd*-*
done
