"""Real engines for tests: each backend with storage of its own, of which nothing stays.

`--backend NAME`, which can be repeated, names the entry points to test; without it every installed
backend is tested. An engine that can't be opened is a failure, never a skip. With `--partial` a
test that ends in an UnsupportedError is skipped, where the error says a way out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from rootless_build.backend import discovery
from rootless_build.backend.api import Backend, Engine, EngineSettings, Image
from rootless_build.host.engine_settings import engine_settings
from rootless_build.model.errors import RbuildError, UnsupportedError
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.testing.base_root import BASE, write_base_root
from rootless_build.testing.recorder import Recorder
from rootless_build.testing.rootless_dockerd import DockerdError, rootless_dockerd

_FOREIGN: Final = ("CONTAINER", "DOCKER", "BUILDAH", "BUILDKIT", "PODMAN", "STORAGE", "RBUILD_")
"""Variables that begin so would lead an engine to somebody's own storage or settings."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        metavar="NAME",
        help="entry point of a backend to test with its real engine (default: all installed)",
    )
    parser.addoption(
        "--variant",
        default="",
        metavar="NAME",
        help="how the engine is set up: vfs, masked or fuse-overlayfs (storage of podman and"
        " buildah), service (podman's), classic (docker's builder)",
    )
    parser.addoption(
        "--partial",
        action="store_true",
        help="skip what a backend can't do: an UnsupportedError with a hint is no failure",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "xdist_group(name): tests that one process makes")


@contextlib.contextmanager
def _skips_unsupported(config: pytest.Config) -> Iterator[None]:
    try:
        yield
    except UnsupportedError as error:
        if not (config.getoption("--partial") and error.message and error.hint):
            raise
        pytest.skip(error.message)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A fixture may be what the backend can't do: an image that is built."""
    with _skips_unsupported(item.config):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with _skips_unsupported(item.config):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """A fixture may ask for what is left, which the backend does not know."""
    with _skips_unsupported(item.config):
        return (yield)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    own = metafunc.definition.iter_markers("parametrize")
    if "backend_name" not in metafunc.fixturenames or any("backend_name" in m.args[0] for m in own):
        return
    wanted: list[str] = metafunc.config.getoption("--backend") or list(discovery.names())
    unknown = set(wanted) - set(discovery.names())
    if unknown:
        message = f"no backend {', '.join(sorted(unknown))}; known: {', '.join(discovery.names())}"
        raise pytest.UsageError(message)
    # For xdist: each process has engines of its own, and one is enough for a directory of tests.
    place = metafunc.definition.path.parent.name
    group = [pytest.mark.xdist_group(f"{name}:{place}") for name in wanted]
    metafunc.parametrize(
        "backend_name",
        [pytest.param(name, marks=mark) for name, mark in zip(wanted, group, strict=True)],
        indirect=True,
        scope="session",
    )


@pytest.fixture(scope="session")
def backend_name(request: pytest.FixtureRequest) -> str:
    """The entry point's name of the backend under test."""
    return str(request.param)


@pytest.fixture(scope="session")
def variant(request: pytest.FixtureRequest) -> str:
    """How the engine is set up where it is not as it comes: see `--variant`."""
    given: str = getattr(request, "param", request.config.getoption("--variant"))
    return given


@pytest.fixture(scope="session")
def storage(backend_name: str, variant: str) -> Iterator[Path]:
    """A directory for all that the engine under test keeps; gone at the end.

    In /var/tmp, which is on a disk: overlay on tmpfs needs a newer kernel than podman does.
    """
    if os.getuid() == 0:
        pytest.fail("rootless engines are not tested as root: use contrib/run-tests", pytrace=False)
    prefix = f"rbuild-{backend_name}-{variant}"
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
    try:
        yield directory
    finally:
        remove_storage(directory)


def remove_storage(directory: Path) -> None:
    """Files of subordinate uids can only be removed in a user namespace."""
    if shutil.which("buildah"):
        namespace = ["buildah", "unshare"]
    elif shutil.which("podman"):
        namespace = ["podman", "unshare"]
    else:
        namespace = ["unshare", "--map-auto", "--map-root-user"]
    remove = [*namespace, "rm", "-rf", "--", str(directory)]
    # podman's own cleaning after a container may still write into it.
    for attempt in range(3):
        if subprocess.run(remove, check=attempt == 2).returncode == 0:
            return


@pytest.fixture(scope="session")
def user_environment(backend_name: str, storage: Path, variant: str) -> Iterator[Mapping[str, str]]:
    """The environment of a user who has never run a container, in os.environ too.

    For docker there is a rootless dockerd, with DOCKER_HOST naming it.
    """
    with (
        # Sockets in it have the 107 bytes of unix(7).
        tempfile.TemporaryDirectory(prefix="rbuild-run-") as runtime,
        pytest.MonkeyPatch.context() as patch,
        contextlib.ExitStack() as stack,
    ):
        for name in os.environ:
            if name.startswith(_FOREIGN) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        for name in ("CONFIG", "DATA", "CACHE", "STATE"):
            directory = storage / name.lower()
            directory.mkdir()
            patch.setenv(f"XDG_{name}_HOME", str(directory))
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        if variant in {"vfs", "masked", "fuse-overlayfs"}:
            _write_storage_conf(storage, Path(runtime), variant)
        patch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
        if backend_name == "docker":
            try:
                host = stack.enter_context(rootless_dockerd(storage))
            except DockerdError as error:
                pytest.fail(f"the docker backend can't be tested here: {error}", pytrace=False)
            patch.setenv("DOCKER_HOST", host)
            patch.setenv("DOCKER_CONFIG", str(storage / "config"))
        if variant == "classic":
            patch.setenv("DOCKER_BUILDKIT", "0")
        stack.callback(end_pause_process, Path(runtime))
        yield dict(os.environ)


def _write_storage_conf(storage: Path, runtime: Path, driver: str) -> None:
    """What a user writes who wants that driver."""
    fuse, masked = driver == "fuse-overlayfs", driver == "masked"
    driver = "vfs" if masked else driver
    lines = [
        "[storage]",
        f'driver = "{"overlay" if fuse else driver}"',
        f'graphroot = "{storage}/data/containers/storage"',
        f'runroot = "{runtime}/containers"',
    ]
    if fuse:
        lines += ["[storage.options.overlay]", f'mount_program = "{shutil.which(driver)}"']
    if masked:
        lines += ["[storage.options.vfs]", 'ignore_chown_errors = "true"']
    place = storage / "config" / "containers"
    place.mkdir()
    (place / "storage.conf").write_text("\n".join(lines))


def end_pause_process(runtime: Path) -> None:
    """podman leaves one process behind that holds its user namespace open."""
    pid_file = runtime / "libpod" / "tmp" / "pause.pid"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


@pytest.fixture(scope="session")
def settings(user_environment: Mapping[str, str], variant: str) -> Iterator[EngineSettings]:
    """This host's settings, with host networking where a step names no mode.

    That saves 0.2 s a container, and a rootless dockerd without a bridge has nothing else.
    """
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(engine_settings(environment=user_environment))
        if variant == "service":
            stack.enter_context(_podman_service(made))
        yield replace(made, network="host")


@contextlib.contextmanager
def _podman_service(settings: EngineSettings) -> Iterator[None]:
    """A podman service of the test's own, which CONTAINER_HOST names."""
    with (
        tempfile.TemporaryDirectory(prefix="rbuild-service-") as place,
        pytest.MonkeyPatch.context() as patch,
    ):
        address = f"unix://{place}/s"
        argv = ["podman", "system", "service", "--time=0", address]
        own = dict(settings.environment)
        with programs.service(argv, Path(place) / "log", environment=own) as service:
            while not (Path(place) / "s").exists():
                if service.poll() is not None:
                    pytest.fail((Path(place) / "log").read_text(), pytrace=False)
            patch.setenv("CONTAINER_HOST", address)
            yield


@pytest.fixture(scope="session")
def backend(backend_name: str) -> Backend:
    """The backend under test."""
    try:
        return discovery.load(backend_name)
    except ImportError as error:
        pytest.fail(f"the {backend_name} backend can't be imported: {error}", pytrace=False)


@pytest.fixture(scope="session")
def engine(backend_name: str, backend: Backend, settings: EngineSettings) -> Iterator[Engine]:
    """The engine under test, open for the whole session."""
    probe = backend.probe(settings)
    if not probe.usable:
        pytest.fail(
            f"the {backend_name} backend can't be tested here: {probe.problem}. {probe.hint}",
            pytrace=False,
        )
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(backend.open(settings))
        except RbuildError as error:
            pytest.fail(
                f"the {backend_name} backend can't be opened: {error}\n{error.engine_words}",
                pytrace=False,
            )
        yield opened


@pytest.fixture(scope="session")
def base_image(engine: Engine, storage: Path) -> Image:
    """The image BASE, imported into the storage of the engine under test."""
    archive = storage / "base.tar"
    try:
        write_base_root(archive)
    except FileNotFoundError:
        pytest.fail("busybox is not installed (apt-get install busybox-static)", pytrace=False)
    return engine.import_root(archive, BASE, ())


@pytest.fixture
def recorder() -> Recorder:
    """Takes down what a step says."""
    return Recorder()
