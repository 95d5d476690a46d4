"""`--metadata-file`, as a program that goes on with what was built reads it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.pushed_to import registry
from tests.e2e.waiting import at_work, with_waiting_targets

pytestmark = pytest.mark.in_ci("podman")

Json = dict[str, object]


def _read(file: Path) -> Json:
    return cast("Json", json.loads(file.read_text()))


def _rows(told: Json, name: str) -> list[Json]:
    return cast("list[Json]", told[name])


def _column(told: Json, name: str, field: str) -> list[object]:
    return [row[field] for row in _rows(told, name)]


def _written(rbuild: Rbuild, command: str, containerfile: str = "RUN echo built") -> None:
    (rbuild.project / "Makefile").write_text(
        "told:\n\tdocker build -t told .\n"
        f"\tdocker run -v $(CURDIR)/bundles:/out told sh -c '{command}'\n"
    )
    (rbuild.project / "Dockerfile").write_text(f"FROM debian:bookworm\n{containerfile}\n")


def test_a_run_is_told_of_in_a_file(rbuild: Rbuild, tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    _written(rbuild, "echo x > /out/f; ln -sf f /out/l")
    done = rbuild("--metadata-file", str(file), "API_TOKEN=of-nobody")
    assert done.returncode == 0, done.stderr
    told = _read(file)
    assert (told["version"], told["status"], told["state"]) == (1, 0, "done")
    assert told["error"] == ""
    assert "of-nobody" not in file.read_text()
    assert str(told["backend"]).startswith(rbuild.backend)
    assert _column(told, "steps", "kind") == ["build-image", "run-container"]
    assert _column(told, "steps", "status") == [0, 0]
    assert _column(told, "images", "names") == [["told"]]
    (image,) = _rows(told, "images")
    shown = rbuild("exec", "--", "docker", "image", "inspect", "-f", "{{.Id}}", "told")
    assert shown.stdout.strip() == image["id"]
    by_path = {row["path"]: row for row in _rows(told, "bundles")}
    assert by_path["f"]["sha256"] == hashlib.sha256(b"x\n").hexdigest()
    assert (by_path["f"]["size"], by_path["f"]["new"]) == (2, True)
    assert by_path["f"]["directory"] == str(rbuild.bundles)
    assert (by_path["l"]["link"], by_path["l"]["sha256"]) == ("f", None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~_umask()

    # With nothing to do it has what is there.
    again = rbuild("--metadata-file", str(file), "API_TOKEN=of-nobody")
    assert again.returncode == 0, again.stderr
    told = _read(file)
    assert told["state"] == "unchanged"
    assert _column(told, "steps", "cached") == [True, True]
    assert _rows(told, "images") == [image]
    assert {row["path"]: row["new"] for row in _rows(told, "bundles")}["f"] is False

    assert rbuild("run", "--metadata-file", str(file), "--", "true").returncode == 0
    assert _column(_read(file), "steps", "why")[-1] == "a command of your own is always run"


def _umask() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    raise AssertionError


def test_a_file_in_the_project_makes_nothing_be_done_again(rbuild: Rbuild) -> None:
    _written(rbuild, "cat /all/Makefile > /out/f", "COPY . /all")
    for state in ("done", "unchanged", "unchanged"):
        done = rbuild("--metadata-file", str(rbuild.project / "made.json"))
        assert done.returncode == 0, done.stderr
        assert _read(rbuild.project / "made.json")["state"] == state


def test_a_run_that_fails_is_told_of_too(rbuild: Rbuild, tmp_path: Path) -> None:
    file = tmp_path / "made.json"
    _written(rbuild, "exit 7")
    assert rbuild("--metadata-file", str(file)).returncode == 1
    told = _read(file)
    assert (told["status"], told["state"], told["bundles"]) == (1, "failed", [])
    assert _column(told, "steps", "status") == [0, 7]
    assert "failed with status 7" in str(told["error"])

    (rbuild.project / "Makefile").unlink()
    (rbuild.project / "Dockerfile").unlink()
    assert rbuild("--metadata-file", str(file)).returncode == 2
    told = _read(file)
    assert (told["status"], told["steps"]) == (2, [])
    assert told["error"]


def test_a_run_that_goes_on_has_no_status_and_one_that_is_killed_none(
    rbuild: Rbuild, tmp_path: Path
) -> None:
    waiting = with_waiting_targets(rbuild, tmp_path)
    file = tmp_path / "made.json"
    file.write_text('{"status": 0}')
    with at_work(waiting, "--metadata-file", str(file), "wait") as running:
        begun = _read(file)
        assert begun["state"] == "running"
        other = rbuild("exec", "--metadata-file", str(file), "--", "true")
        assert (other.returncode, _read(file)) == (2, begun)
        assert "is that of another run, which goes on" in other.stderr
        running.kill()
        running.communicate(timeout=DEADLINE)
    told = _read(file)
    assert (told["state"], told["status"]) == ("running", None)
    assert [each.name for each in tmp_path.iterdir() if "made.json" in each.name] == ["made.json"]
    # Its container goes on, and the storage is other tests' too.
    assert rbuild("clean").returncode == 0


@pytest.mark.in_ci("podman", "buildah")
def test_docker_s_own_shape_where_docker_is_called(rbuild: Rbuild) -> None:
    _written(rbuild, "true")
    (rbuild.project / "docker-bake.json").write_text(
        '{"group": {"default": {"targets": ["one", "two"]}},'
        ' "target": {"one": {"tags": ["told:1", "told:2"]},'
        ' "two": {"output": ["type=local,dest=out"]}}}'
    )
    script = (
        "docker build --metadata-file one.json -t told . && "
        "docker image inspect -f '{{.Id}}' told && "
        "docker buildx bake --metadata-file all.json"
    )
    done = rbuild("exec", "--metadata-file", "run.json", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    identity = done.stdout.strip()
    assert identity.startswith("sha256:")
    one = _of(identity, "docker.io/library/told:latest")
    if rbuild.backend == "docker":
        # Whose id may be that of a manifest.
        del one["containerimage.config.digest"]
    assert _read(rbuild.project / "one.json") == one
    bake = _read(rbuild.project / "all.json")
    assert set(bake) == {"one", "two"}
    assert bake["two"] == {}
    named = cast("Mapping[str, str]", bake["one"])
    assert named["image.name"] == "docker.io/library/told:1,docker.io/library/told:2"
    run = _read(rbuild.project / "run.json")
    assert run["state"] == "done"
    assert identity in _column(run, "images", "id")


def _of(identity: str, name: str) -> Json:
    return {
        "containerimage.config.digest": identity,
        "containerimage.digest": identity,
        "image.name": name,
    }


def test_of_what_is_pushed_it_has_the_digest_in_the_registry(
    rbuild: Rbuild, tmp_path: Path
) -> None:
    if rbuild.backend != "podman":
        pytest.skip("no other backend does docker build --push")
    # Blobs come one after the other.
    (rbuild.project / "Dockerfile").write_text("FROM scratch\nCOPY Makefile /\n")
    with registry() as (host, taken):
        settings = tmp_path / "registries.conf"
        settings.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        environment = {**rbuild.environment, "CONTAINERS_REGISTRIES_CONF": str(settings)}
        words = ("docker", "build", "--push", "--metadata-file", "one.json", "-t")
        done = dataclasses.replace(rbuild, environment=environment)(
            "exec", "--allow-push", "--", *words, f"{host}/told:1", "-t", f"{host}/told:2", "."
        )
    assert done.returncode == 0, done.stderr
    told = _read(rbuild.project / "one.json")
    assert told["image.name"] == f"{host}/told:1,{host}/told:2"
    assert told["containerimage.digest"] == taken.manifests["1"] == taken.manifests["2"]
    assert told["containerimage.config.digest"] != taken.manifests["1"]


def test_docker_s_file_stays_where_a_build_fails(rbuild: Rbuild) -> None:
    _written(rbuild, "true", "RUN false")
    (rbuild.project / "one.json").write_text("before")
    done = rbuild("exec", "--", "docker", "build", "--metadata-file", "one.json", ".")
    assert done.returncode == 1
    assert (rbuild.project / "one.json").read_text() == "before"


def test_a_makefile_that_asks_docker_for_one_is_made_for_real(rbuild: Rbuild) -> None:
    _written(rbuild, "true")
    makefile = rbuild.project / "Makefile"
    makefile.write_text(makefile.read_text().replace("-t told", "-t told --metadata-file one.json"))
    done = rbuild()
    assert done.returncode == 0, done.stderr
    assert _read(rbuild.project / "one.json")["image.name"] == "docker.io/library/told:latest"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metadata-file", "none/made.json"), "there is no directory"),
        (("--metadata-file", "."), "is no file"),
        (("--metadata-file", "/dev/null"), "is no file"),
        (("--metadata-file", ""), "its value is empty"),
        (("--dry-run", "--metadata-file", "x"), "--dry-run does nothing"),
    ],
)
def test_a_place_where_none_can_be_is_refused_before_anything_is_done(
    rbuild: Rbuild, words: tuple[str, ...], said: str
) -> None:
    _written(rbuild, "echo x > /out/f")
    done = rbuild(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "==>" not in done.stderr
