"""rbuild.toml and the user's config.toml: what is read, and what a mistake in them looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ConfigError
from rootless_build.recipes import config_file
from rootless_build.recipes.config import Config


def load(directory: Path, project: str | None = None, user: str | None = None) -> Config:
    (directory / "project").mkdir(exist_ok=True)
    if project is not None:
        (directory / "project" / "rbuild.toml").write_text(project)
    if user is not None:
        (directory / "config.toml").write_text(user)
    return config_file.load(directory / "project", directory / "config.toml")


def mistake(directory: Path, project: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(directory, project)
    assert caught.value.exit_code == 2
    return caught.value


def test_no_files_are_no_mistake(tmp_path: Path) -> None:
    assert load(tmp_path) == Config()


def test_the_project_comes_before_the_user(tmp_path: Path) -> None:
    defaults = load(
        tmp_path,
        '[defaults]\nbackend = "buildah"\nnetwork = "none"',
        '[defaults]\nbackend = "podman"\npull = "never"\ncolor = "always"',
    ).defaults
    assert (defaults.backend, defaults.network, defaults.pull, defaults.color) == (
        "buildah",
        "none",
        "never",
        "always",
    )


def test_environments_of_both_files_are_added_and_the_projects_wins(tmp_path: Path) -> None:
    defaults = load(
        tmp_path,
        '[defaults]\nenvironment = { A = "project" }\nbuild-args = { B = "1" }',
        '[defaults]\nenvironment = { A = "user", C = "" }',
    ).defaults
    assert dict(defaults.environment) == {"A": "project", "C": ""}
    assert defaults.build_args == (("B", "1"),)


def test_relative_paths_belong_to_the_files_directory(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        '[image]\ncontext = "../source"\ncontainerfile = "./Containerfile"\n'
        '[bundles]\ndirectory = "out/bundles"\ncontainer-path = "/b"\n'
        '[defaults]\nfile = "/absolute/Dockerfile"',
        '[defaults]\nbundles-dir = "results"',
    )
    project = tmp_path / "project"
    assert read.image is not None
    assert read.image.context == tmp_path / "source"
    assert read.image.containerfile == project / "Containerfile"
    assert read.bundles is not None
    assert read.bundles.directory == project / "out" / "bundles"
    assert read.defaults.file == Path("/absolute/Dockerfile")
    assert read.defaults.bundles_dir == tmp_path / "results"


def test_a_command_is_a_list_or_words_as_in_a_shell(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        "[container]\ncommand = \"make 'a b' c\"\nentrypoint = []\n"
        '[targets.shell]\ncommand = ["bash", "-l"]',
    )
    assert read.container is not None
    assert read.container.command == ("make", "a b", "c")
    assert read.container.entrypoint == ()
    assert read.targets["shell"].command == ("bash", "-l")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[container]\nprivileged = "yes"', 2, "container.privileged: expected true or false"),
        ('[container]\nuser = "a"\n\nmounts = [1]', 4, "container.mounts: expected a string"),
        ("[image]\n[image.build-args]\n\nA = 1", 4, "image.build-args.A: expected a string"),
        ("[image]\nbuild-args = { A = 1 }", 2, "image.build-args.A: expected a string"),
        ('[targets.a]\ncommand = "x"\n[targets."b.c"]\ncommand = 3', 4, "targets.b.c.command"),
        ('[image]\npull = "sometimes"', 2, "image.pull: "),
        ('image = "debian"', 1, "image: expected a table"),
        ("# nothing\n\n[bundles]\n", 3, "bundles: needs the key container-path"),
        ('[container]\ncommand = "a \'b"', 2, "container.command: No closing quotation"),
        ("[image]\nimage.tag = 1", 2, "image.image: no such key"),
        (
            '[defaults]\nlog-format = "xml"',
            2,
            "defaults.log-format: it is text or json, not 'xml'",
        ),
        (
            "[container]\ncommand = 3",
            2,
            "container.command: expected a list of strings or a string",
        ),
        ("[container]\ncommand = [3]", 2, "container.command: expected a string, got a number"),
        ("[container]\nmounts = 3", 2, "container.mounts: expected a list, got a number"),
        ('[container]\nmounts = "."', 2, "container.mounts: expected a list, got a string"),
        ("[container]\nuser = 1979-05-27", 2, "container.user: expected a string, got a date"),
        ("[targets]\na = 3", 2, "targets.a: expected a table, got a number"),
    ],
)
def test_a_mistake_is_named_with_line_key_and_expectation(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    message = mistake(tmp_path, text).message
    assert message.startswith(f"{tmp_path}/project/rbuild.toml:{line}: {words}")


def test_a_misspelt_key_is_met_with_the_right_one(tmp_path: Path) -> None:
    error = mistake(tmp_path, '[container]\nworking-dir = "/x"')
    assert "rbuild.toml:2: container.working-dir: no such key" in error.message
    assert error.hint == "did you mean working-directory?"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[defaults]\npull = "allways"', "did you mean always?"),
        ('[image]\nplatforms = "linux/arm64"', 'write ["linux/arm64"]'),
        ('backend = "podman"', "it is a key of [defaults]"),
        ('[container]\npull = "never"', "it is a key of [defaults]"),
        ('[image]\nmounts = ["."]', "it is a key of [container]"),
    ],
)
def test_what_was_most_likely_meant_is_said(tmp_path: Path, text: str, hint: str) -> None:
    assert mistake(tmp_path, text).hint == hint


def test_an_error_about_a_value_is_placed_in_the_file_it_is_in(tmp_path: Path) -> None:
    files = (tmp_path / "rbuild.toml", tmp_path / "config.toml")
    files[0].write_text("[defaults]\npull = 'never'\n")
    files[1].write_text("[defaults]\n\nbackend = 'x'\n")
    error = config_file.error_in(files, ("defaults", "backend"), "no such backend")
    assert error.message == f"{files[1]}:3: defaults.backend: no such backend"


def test_keys_are_written_with_hyphens_only(tmp_path: Path) -> None:
    assert "no such key" in mistake(tmp_path, "[image]\nno_cache = true").message


def test_the_internal_fields_are_no_keys(tmp_path: Path) -> None:
    assert "no such key" in mistake(tmp_path, 'file = "x"').message


def test_text_that_is_no_toml_is_met_with_line_and_column(tmp_path: Path) -> None:
    message = mistake(tmp_path, "[image]\ntag = a").message
    assert "rbuild.toml:2:" in message
    assert "not valid TOML" in message


def test_the_users_file_holds_defaults_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:1: image: no such key"):
        load(tmp_path, user="[image]\n")


def test_bytes_that_are_no_text_are_a_mistake_too(tmp_path: Path) -> None:
    (tmp_path / "rbuild.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="can't be read"):
        config_file.load(tmp_path, tmp_path / "none.toml")
