"""From an engine's words to the finding that is their cause."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rootless_build.host import symptoms
from rootless_build.host.diagnosis import cause
from rootless_build.host.examination import examine
from rootless_build.host.facts import Account, Configuration, Facts, Namespaces, Range
from rootless_build.host.finding import Finding
from rootless_build.host.preflight import preflight
from rootless_build.model.errors import (
    BackendUnavailableError,
    HostError,
    ImageBuildError,
    ImageNotFoundError,
    RbuildError,
    StepFailedError,
    UnsupportedError,
)
from rootless_build.model.structs import replace
from tests.ordinary_host import ORDINARY

SMALL = replace(ORDINARY, account=Account(subuids=(Range(100000, 1000),)))
INSUFFICIENT = (
    "potentially insufficient UIDs or GIDs available in user namespace (requested 65534:65534 for "
    "/var/nobody): Check /etc/subuid and /etc/subgid: lchown /var/nobody: invalid argument"
)
MEASURED = {
    "crun: invalid file system type on `/sys/fs/cgroup`: OCI runtime error": "no-cgroups",
    "runc create failed: no cgroup mount found in mountinfo": "no-cgroups",
    "cgroups in hybrid mode not supported, drop all controllers from cgroupv2": "hybrid-cgroups",
    (
        "error during container init: error setting rlimits for ready process: error setting "
        "rlimit type 7: operation not permitted"
    ): "default-ulimits",
    (
        "could not find slirp4netns, the network namespace can't be configured: exec: "
        '"slirp4netns": executable file not found in $PATH'
    ): "no-network-helper",
    'building at STEP "RUN true": failed to read from slirp4netns sync pipe: EOF': "no-tun",
    'slirp4netns failed: open("/dev/net/tun"): Permission denied': "no-tun",
    "open /etc/containers/policy.json: no such file or directory": "no-policy",
    'invalid policy in "/home/u/policy.json": invalid character': "broken-configuration",
    (
        "creating build container: loading registries configuration "
        '"/home/u/.config/containers/registries.conf": toml: line 1'
    ): "broken-configuration",
    (
        'command required for rootless mode with multiple IDs: exec: "newuidmap": executable '
        "file not found in $PATH"
    ): "no-newuidmap",
    (
        "running `/usr/bin/newuidmap 4790 0 1006 1 1 427680 65536`: newuidmap: write to "
        "uid_map failed: Operation not permitted"
    ): "powerless-newuidmap",
    'no subuid ranges found for user "u" in /etc/subuid': "no-subids",
    INSUFFICIENT: "no-subids",
    "cannot clone: Operation not permitted": "user-namespaces-refused",
    (
        "write /home/u/.local/share/containers/storage/vfs-layers/.tmp: no space left on device"
    ): "no-space",
    (
        "creating runtime static files directory: mkdir "
        "/home/u/.local/share/containers/storage/libpod: permission denied"
    ): "foreign-storage",
    'XDG_RUNTIME_DIR directory "/run/user/1" is not owned by the user': "no-runtime-directory",
    'default OCI runtime "runc" not found: invalid argument': "no-oci-runtime",
    "OCI runtime error: crun: unknown version specified": "crun-too-old",
    "unable to apply caps: operation not permitted": "bounding-set",
    "user namespaces are not enabled in /proc/sys/user/max_user_namespaces": "user-namespaces-off",
    "could not find pasta, the network namespace can't be configured": "no-network-helper",
    'short-name "x" did not resolve to an alias': "short-names",
    (
        "creating build container: initializing source docker://debian:bookworm: pinging container "
        'registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup '
        "registry-1.docker.io: no such host"
    ): "registry-unreachable",
    (
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup '
        "registry-1.docker.io on 10.0.2.3:53: read udp: i/o timeout"
    ): "registry-unreachable",
}
# Seen where nothing can be reached: go 1.19, curl, git, apt, pip.
DOWNLOADS = {
    (
        "go: github.com/pkg/errors@v0.9.1: Get "
        '"https://proxy.golang.org/github.com/pkg/errors/@v/v0.9.1.mod": dial tcp: lookup '
        "proxy.golang.org on 10.0.2.3:53: no such host"
    ): "GOPROXY",
    "curl: (6) Could not resolve host: example.com": "no image is missing",
    "fatal: unable to access 'https://example.com/': Could not resolve host: example.com": (
        "no image is missing"
    ),
    "Err:1 http://deb.example.com bookworm InRelease\n  Temporary failure resolving 'x'": (
        "no image is missing"
    ),
    "connection: [Errno -2] Name or service not known": "no image is missing",
}


@pytest.mark.parametrize(("words", "finding"), MEASURED.items())
def test_what_engines_say_is_understood(words: str, finding: str) -> None:
    found = symptoms.find(words)
    assert found is not None
    assert found.finding == finding


@pytest.mark.parametrize(("words", "told"), DOWNLOADS.items())
def test_a_download_of_the_builds_own_is_not_taken_for_a_registry(words: str, told: str) -> None:
    hint = symptoms.hint(words)
    assert told in hint
    assert "registry" not in hint
    assert "rbuild base" not in hint


def test_a_missing_init_names_its_package() -> None:
    words = (
        "container-init binary not found on the host: "
        "stat /usr/libexec/podman/catatonit: no such file or directory"
    )
    assert "catatonit" in symptoms.hint(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "undefined reference to `main'",
        "make: *** [all] Error 2",
        "fatal: not a git repository",
        "dial unix /run/podman.sock: connect: no such file or directory",
    ],
)
def test_a_mistake_in_the_project_is_not_blamed_on_the_host(words: str) -> None:
    assert symptoms.hint(words) == ""


def examined(facts: Facts) -> Sequence[Finding]:
    return tuple(one.finding for one in examine(facts))


def explained(error: RbuildError, facts: Facts) -> HostError | None:
    return cause(error, lambda: examined(facts))


def test_an_image_that_can_t_be_unpacked_is_blamed_on_a_small_range() -> None:
    error = ImageBuildError("it failed", engine_words=INSUFFICIENT)
    error.where = "step 1"
    better = explained(error, SMALL)
    assert better is not None
    assert (better.finding, better.exit_code, better.where) == ("small-subids", 3, "step 1")
    assert better.engine_words == INSUFFICIENT
    assert "usermod" in better.hint


def test_words_alone_are_no_proof() -> None:
    assert explained(ImageBuildError("it failed", engine_words=INSUFFICIENT), ORDINARY) is None


def test_an_engine_that_does_not_start_is_blamed_on_what_blocks() -> None:
    facts = replace(ORDINARY, namespaces=Namespaces(refusal="unshare: no"), engines=())
    error = BackendUnavailableError("no backend can run here", finding="no-engine")
    better = explained(error, facts)
    assert better is not None
    assert better.finding == "user-namespaces-refused"


def test_no_engine_at_all_stays_what_it_is() -> None:
    error = BackendUnavailableError("no backend can run here", finding="no-engine")
    assert explained(error, replace(ORDINARY, engines=())) is None


def test_a_daemon_that_does_not_answer_is_not_blamed_on_the_user() -> None:
    facts = replace(ORDINARY, account=Account(subuids=(), subgids=()))
    error = BackendUnavailableError("no docker daemon is running", finding="docker-unusable")
    assert explained(error, facts) is None


@pytest.mark.parametrize(
    "error",
    [
        StepFailedError("the container failed", status=1, engine_words=INSUFFICIENT),
        UnsupportedError("buildah can't", engine_words=INSUFFICIENT),
        HostError("bundles", finding="bundles-owned-by-root", engine_words=INSUFFICIENT),
    ],
)
def test_other_errors_are_left_alone(error: RbuildError) -> None:
    assert explained(error, SMALL) is None


def test_a_pull_that_fails_is_blamed_on_a_missing_policy() -> None:
    facts = replace(ORDINARY, configuration=Configuration(policy=None))
    words = "open /etc/containers/policy.json: no such file or directory"
    better = explained(ImageNotFoundError("no image", reference="x", engine_words=words), facts)
    assert better is not None
    assert better.finding == "no-policy"


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"account": Account(subuids=(), subgids=())}, "no-subids"),
        ({"account": Account(mappers=())}, "powerless-newuidmap"),
        ({"account": Account(no_new_privileges=True)}, "no-new-privileges"),
        ({"namespaces": Namespaces(maximum=0)}, "user-namespaces-off"),
        ({"system": "Darwin"}, "not-linux"),
    ],
)
@pytest.mark.parametrize("backend", ["podman", "buildah"])
def test_what_is_certain_is_said_before_the_build(
    change: dict[str, object], finding: str, backend: str
) -> None:
    facts = replace(ORDINARY, engines=None, **change)  # type: ignore[arg-type]
    with pytest.raises(HostError) as caught:
        preflight(facts, backend)
    assert caught.value.finding == finding
    assert caught.value.hint


@pytest.mark.parametrize(
    ("change", "backend"),
    [
        ({}, "podman"),
        ({"account": Account(subuids=())}, "docker"),
        ({"account": Account(subuids=()), "remote": True}, "podman"),
        ({"account": Account(subuids=()), "ignores_owners": True}, "podman"),
        ({"account": Account(subuids=()), "uid": 0}, "podman"),
    ],
)
def test_nothing_is_said_before_a_build_that_can_work(
    change: dict[str, object], backend: str
) -> None:
    preflight(replace(ORDINARY, engines=None, **change), backend)  # type: ignore[arg-type]
