"""What a podman on another host tells of its images; the answers are those of podman 4.3.1."""

from __future__ import annotations

import json

from rbuild_podman.remote_images import described
from rbuild_podman.service_lists import ServiceLists
from rootless_build.model.plan import Json
from rootless_build.process.programs import Completed

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


def test_a_manifest_list_keeps_the_images_that_it_is_of() -> None:
    other = {**APP, "Id": "c" * 64}
    stored = described(
        [APP, LIST, other],
        [],
        lambda image: frozenset({str(APP["Id"])}) if image == LIST["Id"] else frozenset(),
    )
    assert [image.needed for image in stored.images] == [
        "the manifest list bbbbbbbbbbbb refers to it",
        "",
        "",
    ]


def test_a_services_list_is_told_by_digests_of_manifests() -> None:
    rows: list[dict[str, Json]] = [
        {**APP, "Digest": "sha256:1"},
        {**LIST, "Digest": "sha256:2"},
    ]
    told = {"manifests": [{"digest": "sha256:1"}, {"digest": "sha256:gone"}]}
    lists = ServiceLists(
        lambda: rows,
        lambda name: name in {LIST["Id"], "localhost/list:latest"},
        lambda *_: Completed(0, json.dumps(told).encode(), b""),
    )
    assert lists.find("localhost/list") == LIST["Id"]
    assert lists.find("localhost/app") is None
    assert lists.images(str(LIST["Id"])) == {APP["Id"], "sha256:gone"}
    assert lists.images(str(APP["Id"])) == frozenset()
