"""What a podman on another host tells of its images; the answers are those of podman 4.3.1."""

from __future__ import annotations

from rbuild_podman.remote_images import described
from rootless_build.model.plan import Json

APP: dict[str, Json] = {
    "Id": "a" * 64,
    "ParentId": "",
    "RepoTags": ["localhost/app:latest"],
    "Labels": {"k": "v"},
}
LIST: dict[str, Json] = {
    "Id": "b" * 64,
    "ParentId": "",
    "RepoTags": ["localhost/list:latest"],
    "Labels": None,
}


def test_a_manifest_list_keeps_all_images() -> None:
    """The service tells the digests of manifests that it refers to, and no image's id."""
    stored = described([APP, LIST], [], lambda image: image == LIST["Id"])
    assert all("manifest lists" in image.needed for image in stored.images)


def test_an_image_without_labels_is_no_list() -> None:
    stored = described([APP, LIST], [], lambda _: False)
    assert [image.needed for image in stored.images] == ["", ""]
