"""The commands of docker's buildx, and of `docker builder`, which are the same."""

from __future__ import annotations

from typing import Final

from rootless_build.docker_cli.row import Row, Way

_NO_BUILDKIT: Final = "there is no BuildKit daemon"
_REGISTRY: Final = (
    "podman asks no registry for a manifest byte for byte, and a digest is of its bytes; "
    "`docker manifest inspect` shows what is in one, `docker manifest create` and `push` make one, "
    "skopeo and crane do all of it"
)
_RECORDS: Final = "rbuild's record of a build is in its log"
_ONE_BUILDER: Final = "there is one builder"

ROWS: Final = (
    Row(
        "buildx history inspect attachment",
        "[OPTIONS] [REF [DIGEST]]",
        (0, 2),
        Way.REFUSED,
        flags="builder=string D/debug platform=string type=string",
        refused=_RECORDS,
    ),
    Row(
        "buildx history export",
        "[OPTIONS] [REF...]",
        (0, None),
        Way.REFUSED,
        flags="all builder=string D/debug finalize o/output=string",
        refused=_RECORDS,
    ),
    Row(
        "buildx history import",
        "[OPTIONS] -",
        (0, None),
        Way.REFUSED,
        flags="builder=string D/debug f/file=stringArray",
        refused=_RECORDS,
    ),
    Row(
        "buildx history logs",
        "[OPTIONS] [REF]",
        (0, 1),
        Way.REFUSED,
        flags="builder=string D/debug progress=string",
        refused=_RECORDS,
    ),
    Row(
        "buildx history ls",
        "[OPTIONS]",
        (0, 0),
        Way.REFUSED,
        flags="builder=string D/debug filter=stringArray format=string local no-trunc",
        refused=_RECORDS,
    ),
    Row(
        "buildx history open",
        "[OPTIONS] [REF]",
        (0, 1),
        Way.REFUSED,
        flags="builder=string D/debug",
        refused=_RECORDS,
    ),
    Row(
        "buildx history rm",
        "[OPTIONS] [REF...]",
        (0, None),
        Way.REFUSED,
        flags="all builder=string D/debug",
        refused=_RECORDS,
    ),
    Row(
        "buildx history trace",
        "[OPTIONS] [REF]",
        (0, 1),
        Way.REFUSED,
        flags="addr=string builder=string compare=string D/debug",
        refused=_RECORDS,
    ),
    Row(
        "buildx imagetools create",
        "[OPTIONS] [SOURCE...]",
        (0, None),
        Way.REFUSED,
        flags=(
            "annotation=stringArray append builder=string D/debug dry-run "
            "f/file=stringArray p/platform=stringArray prefer-index progress=string "
            "t/tag=stringArray"
        ),
        refused=_REGISTRY,
    ),
    Row(
        "buildx imagetools inspect",
        "[OPTIONS] NAME",
        (1, 1),
        Way.REFUSED,
        flags="builder=string D/debug format=string raw",
        refused=_REGISTRY,
    ),
    Row(
        "buildx bake",
        "[OPTIONS] [TARGET...]",
        (0, None),
        Way.STEP,
        also=("buildx f", "bake"),
        flags=(
            "allow=stringArray builder=string call=string check D/debug f/file=stringArray "
            "list=string load metadata-file=string no-cache print progress=string "
            "provenance=string pull push sbom=string set=stringArray"
        ),
    ),
    Row(
        "buildx build",
        "[OPTIONS] PATH | URL | -",
        (1, 1),
        Way.STEP,
        also=("build", "builder build", "image build", "buildx b"),
        flags=(
            "add-host=strings allow=stringArray annotation=stringArray attest=stringArray "
            "build-arg=stringArray build-context=stringArray builder=string "
            "cache-from=stringArray cache-to=stringArray call=string cgroup-parent=string "
            "check D/debug f/file=string iidfile=string label=stringArray load "
            "metadata-file=string network=string no-cache no-cache-filter=stringArray "
            "o/output=stringArray platform=stringArray progress=string provenance=string "
            "pull push q/quiet sbom=string secret=stringArray shm-size=bytes "
            "ssh=stringArray t/tag=stringArray target=string ulimit=ulimit print=string "
            # Of the builder before BuildKit, which docker takes and shows no more.
            "compress cpu-period=int cpu-quota=int c/cpu-shares=int cpuset-cpus=string "
            "cpuset-mems=string force-rm isolation=string m/memory=bytes memory-swap=bytes rm "
            "security-opt=stringArray squash"
        ),
    ),
    Row(
        "buildx create",
        "[OPTIONS] [CONTEXT|ENDPOINT]",
        (0, 1),
        Way.ANSWERED,
        flags=(
            "append bootstrap buildkitd-config=string buildkitd-flags=string D/debug "
            "driver=string driver-opt=stringArray leave name=string node=string "
            "platform=stringArray use"
        ),
        without={"append": _ONE_BUILDER, "leave": _ONE_BUILDER},
    ),
    Row(
        "buildx dial-stdio",
        "",
        (0, 0),
        Way.REFUSED,
        flags="builder=string D/debug platform=string progress=string",
        refused=_NO_BUILDKIT,
    ),
    Row(
        "buildx du",
        "",
        (0, 0),
        Way.ANSWERED,
        flags="builder=string D/debug filter=filter format=string verbose",
        without={"filter": _NO_BUILDKIT, "format": _NO_BUILDKIT},
    ),
    Row(
        "buildx inspect",
        "[NAME]",
        (0, 1),
        Way.ANSWERED,
        flags="bootstrap builder=string D/debug",
    ),
    Row(
        "buildx ls",
        "",
        (0, 0),
        Way.ANSWERED,
        flags="D/debug format=string no-trunc",
    ),
    Row(
        "buildx prune",
        "",
        (0, 0),
        Way.ANSWERED,
        flags=(
            "a/all builder=string D/debug filter=filter f/force max-used-space=bytes "
            "min-free-space=bytes reserved-space=bytes verbose"
        ),
    ),
    Row(
        "buildx rm",
        "[OPTIONS] [NAME...]",
        (0, None),
        Way.ANSWERED,
        flags="all-inactive builder=string D/debug f/force keep-daemon keep-state",
    ),
    Row(
        "buildx stop",
        "[NAME]",
        (0, 1),
        Way.ANSWERED,
        flags="builder=string D/debug",
    ),
    Row(
        "buildx use",
        "[OPTIONS] NAME",
        (1, 1),
        Way.ANSWERED,
        flags="builder=string D/debug default global",
    ),
    Row(
        "buildx version",
        "",
        (0, 0),
        Way.ANSWERED,
        flags="D/debug",
    ),
)
