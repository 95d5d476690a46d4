"""The commands of docker for images and their lists."""

from __future__ import annotations

from typing import Final

from rootless_build.docker_cli.row import Row, Way

_TREE: Final = "it is for a person to look at; --format is for a script"
_ONE_PLATFORM: Final = "an image in storage is of one platform"
_ONE_TAG: Final = "one tag is pushed at a time"

ROWS: Final = (
    Row(
        "image history",
        "[OPTIONS] IMAGE",
        (1, 1),
        Way.ANSWERED,
        also=("history",),
        flags="format=string H/human no-trunc platform=string q/quiet",
        without={"platform": _ONE_PLATFORM},
    ),
    Row(
        "image import",
        "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
        (1, None),
        Way.PASSED,
        also=("import",),
        flags="c/change=list m/message=string platform=string",
        without={"platform": _ONE_PLATFORM},
    ),
    Row(
        "image inspect",
        "[OPTIONS] IMAGE [IMAGE...]",
        (1, None),
        Way.ANSWERED,
        flags="f/format=string platform=string",
        without={"platform": _ONE_PLATFORM},
    ),
    Row(
        "image load",
        "[OPTIONS]",
        (0, 0),
        Way.PASSED,
        also=("load",),
        flags="i/input=string platform=strings q/quiet",
        without={"platform": _ONE_PLATFORM},
    ),
    Row(
        "image ls",
        "[OPTIONS] [REPOSITORY[:TAG]]",
        (0, 1),
        Way.ANSWERED,
        also=("image list", "images"),
        flags="a/all digests f/filter=filter format=string no-trunc q/quiet tree",
        without={"tree": _TREE},
    ),
    Row(
        "image prune",
        "[OPTIONS]",
        (0, 0),
        Way.PASSED,
        flags="a/all filter=filter f/force",
    ),
    Row(
        "image pull",
        "[OPTIONS] NAME[:TAG|@DIGEST]",
        (1, 1),
        Way.STEP,
        also=("pull",),
        flags="a/all-tags platform=string q/quiet",
    ),
    Row(
        "image push",
        "[OPTIONS] NAME[:TAG]",
        (1, 1),
        Way.PASSED,
        also=("push",),
        flags="a/all-tags platform=string q/quiet",
        on_request="--allow-push",
        without={"all-tags": _ONE_TAG, "platform": _ONE_PLATFORM},
    ),
    Row(
        "image rm",
        "[OPTIONS] IMAGE [IMAGE...]",
        (1, None),
        Way.PASSED,
        also=("image remove", "rmi"),
        flags="f/force no-prune platform=strings",
        without={"platform": _ONE_PLATFORM},
    ),
    Row(
        "image save",
        "[OPTIONS] IMAGE [IMAGE...]",
        (1, None),
        Way.PASSED,
        also=("save",),
        flags="o/output=string platform=strings",
        without={"platform": _ONE_PLATFORM},
    ),
    Row(
        "image tag",
        "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        (2, 2),
        Way.STEP,
        also=("tag",),
    ),
    Row(
        "manifest annotate",
        "[OPTIONS] MANIFEST_LIST MANIFEST",
        (2, 2),
        Way.PASSED,
        flags="arch=string os=string os-features=strings os-version=string variant=string",
        on_request="--allow-push",
    ),
    Row(
        "manifest create",
        "MANIFEST_LIST MANIFEST [MANIFEST...]",
        (2, None),
        Way.PASSED,
        flags="a/amend insecure",
        on_request="--allow-push",
    ),
    Row(
        "manifest inspect",
        "[OPTIONS] [MANIFEST_LIST] MANIFEST",
        (1, 2),
        Way.PASSED,
        flags="insecure v/verbose",
        on_request="--allow-push",
    ),
    Row(
        "manifest push",
        "[OPTIONS] MANIFEST_LIST",
        (1, 1),
        Way.PASSED,
        flags="insecure p/purge",
        on_request="--allow-push",
    ),
    Row(
        "manifest rm",
        "MANIFEST_LIST [MANIFEST_LIST...]",
        (1, None),
        Way.PASSED,
        on_request="--allow-push",
    ),
)
