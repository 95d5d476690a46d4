"""`rbuild doctor` as a person and as a program read it, of hosts that are data."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootless_build.cli.app import run
from rootless_build.cli.views.findings import findings
from rootless_build.host.examination import examine
from rootless_build.host.facts import Account, Configuration, Facts
from rootless_build.host.facts_json import to_data
from rootless_build.host.finding import NewFile, Run
from rootless_build.host.fixing import apply
from rootless_build.host.gathering import gather
from rootless_build.model.errors import UsageError
from rootless_build.model.structs import replace
from tests.ordinary_host import ORDINARY

SPOILED = replace(
    ORDINARY,
    account=Account(subuids=(), subgids=()),
    hard_files=512,
    tun=False,
)


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Doctor:
    """`rbuild doctor` in a directory and a home of the test's own."""

    home: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str, of: Facts | None = None) -> Said:
        replayed: tuple[str, ...] = ()
        if of is not None:
            file = self.home / "facts.json"
            file.write_text(json.dumps(to_data(of)))
            replayed = ("--replay", str(file))
        status = run(["rbuild", "doctor", *replayed, *words])
        return Said(status, *self.capture.readouterr())


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Doctor:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    return Doctor(tmp_path, capfd)


def test_a_host_with_nothing_wrong_gets_one_line(doctor: Doctor) -> None:
    said = doctor(of=ORDINARY)
    assert said == Said(0, "builds can run here (podman 5.4.2, buildah 1.39.3)\n", "")


def test_the_worst_comes_first_with_its_cure_below(doctor: Doctor) -> None:
    said = doctor(of=SPOILED)
    assert said.status == 3
    lines = said.out.splitlines()
    assert lines[0] == "no build can run"
    assert lines[1].startswith("  no-subids  this user has no range in /etc/subuid and /etc/subgid")
    assert lines[2].strip().startswith("as root: usermod --add-subuids ")
    heads = [line for line in lines if line and not line.startswith(" ")]
    assert heads == [
        "no build can run",
        "will get in the way",
        "to know",
        "no build can run here; rbuild doctor --explain no-subids says more",
    ]


def test_what_is_fine_is_told_on_request(doctor: Doctor) -> None:
    assert "mmdebstrap" not in doctor(of=replace(ORDINARY, programs=ORDINARY.programs[:-1])).out
    assert "mmdebstrap" in doctor("-v", of=replace(ORDINARY, programs=ORDINARY.programs[:-1])).out


@pytest.mark.parametrize(
    ("words", "colored"),
    [((), False), (("--color", "always"), True), (("--color", "never"), False)],
)
def test_colours_are_for_terminals_and_on_request(
    doctor: Doctor, words: tuple[str, ...], colored: bool
) -> None:
    assert ("\x1b[1;31m" in doctor(*words, of=SPOILED).out) is colored


def test_a_program_reads_the_same(doctor: Doctor) -> None:
    said = doctor("--format", "json", of=SPOILED)
    assert said.status == 3
    answer = json.loads(said.out)
    assert answer["can_build"] is False
    first = answer["findings"][0]
    assert (first["id"], first["severity"], first["subject"]) == ("no-subids", "blocks", "user")
    assert first["cure"]["needs_root"] is True
    assert first["cure"]["command"].startswith("usermod ")


def test_this_host_is_looked_at(doctor: Doctor) -> None:
    answer = json.loads(doctor("--format", "json").out)
    assert not [one for one in answer["findings"] if one["id"] == "not-checked"]
    settings = {row["setting"]: row for row in answer["settings"]}
    assert settings["containers.log_driver"]["fact"] == ""


def test_settings_that_are_the_same_everywhere_are_told_on_request(doctor: Doctor) -> None:
    assert "log_driver" not in doctor().out
    assert "log_driver" in doctor("-v").out


def test_a_broken_file_of_the_user_is_named_with_its_line(doctor: Doctor) -> None:
    own = doctor.home / ".config/containers"
    own.mkdir(parents=True)
    (own / "containers.conf").write_text("[containers]\npids_limit = 1\n[engine\n")
    said = doctor()
    assert said.status == 3
    assert f"broken-configuration  {own}/containers.conf:3: " in said.out.splitlines()[1]
    assert "Traceback" not in said.out + said.err


def test_the_background_of_a_finding(doctor: Doctor) -> None:
    said = doctor("--explain", "no-tun")
    assert said.status == 0
    assert "/dev/net/tun" in said.out


def test_no_such_finding(doctor: Doctor) -> None:
    said = doctor("--explain", "no-tune")
    assert said.status == 2
    assert "did you mean no-tun?" in said.err


def test_fix_shows_what_it_does_and_does_it(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = doctor.home / ".config/containers/policy.json"

    def without_policy(*_: object) -> Facts:
        there = policy if policy.exists() else None
        return replace(
            ORDINARY,
            runtime_directory=None,
            config_directory=doctor.home / ".config",
            configuration=Configuration(policy=there),
        )

    monkeypatch.setattr("rootless_build.cli.commands.doctor.survey_host", without_policy)
    assert doctor().status == 3
    fixed = doctor("--fix")
    assert fixed.status == 0
    assert f"> {policy}" in fixed.err
    assert json.loads(policy.read_text())["default"] == [{"type": "insecureAcceptAnything"}]
    again = doctor("--fix")
    assert again.status == 0
    assert "nothing here can be cured without root" in again.err


def test_a_file_that_exists_is_never_replaced(tmp_path: Path) -> None:
    own = tmp_path / "policy.json"
    own.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        apply(NewFile(own, "yours"))
    assert own.read_text() == "mine"


def test_a_cure_that_fails_says_so() -> None:
    with pytest.raises(UsageError, match="status 1"):
        apply(Run(("false",)))


def test_a_report_can_be_replayed(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "https_proxy": "http://me:s3cret@proxy.example:3128",
        "DOCKER_HOST": "tcp://build.internal.example:2376",
        "GITHUB_TOKEN": "ghp_s3cret",
    }.items():
        monkeypatch.setenv(name, value)
    said = doctor("--report")
    for secret in ("s3cret", "build.internal", gather({}).account.name + "/", str(doctor.home)):
        assert secret not in said.out
    report = json.loads(said.out)
    assert report["rbuild"]
    file = doctor.home / "report.json"
    file.write_text(said.out)
    replayed = json.loads(doctor("--replay", str(file), "--format", "json").out)
    assert [one["id"] for one in replayed["findings"]] == [one["id"] for one in report["findings"]]


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1, "uid": "x"}', '{"schema": 99}'])
def test_what_is_no_report_is_refused(doctor: Doctor, content: str) -> None:
    file = doctor.home / "other.json"
    file.write_text(content)
    said = doctor("--replay", str(file))
    assert said.status == 2
    assert "other.json" in said.err
    assert "Traceback" not in said.err


def test_words_of_strangers_cannot_write_to_the_terminal() -> None:
    facts = replace(ORDINARY, unread=(("directories", "\x1b]0;title\x07"),))
    assert "\x1b" not in findings(examine(facts), ())


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
@pytest.mark.parametrize(
    "content", ['[storage]\ndriver = "overlay"\n', "a\\n'b' $HOME `x`\n%s\n", "-n\n"]
)
def test_the_command_of_a_cure_writes_what_fix_writes(
    tmp_path: Path, shell: str, content: str
) -> None:
    pasted, fixed = NewFile(tmp_path / "a b/pasted", content), NewFile(tmp_path / "fixed", content)
    subprocess.run([shell, "-c", pasted.command], check=True)
    apply(fixed)
    assert pasted.path.read_text() == fixed.path.read_text() == content
