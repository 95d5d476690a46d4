"""`rbuild plan --script`: a script that does a plan's steps on this host without rbuild.

Images are put down as they were built (`images.recording`): the layers that rbuild makes, and the
containerfiles with the RUNs that the engine does. So what is written down has to have been built;
the records of the last run say whether it was. Whatever a script can't do as a run would is
refused, with the reason, and nothing is written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, NoReturn

import rootless_build
from rootless_build.backend import caller, discovery
from rootless_build.backend.api import Engine, EngineSettings, Image, ImageLabel, Stdio, image_store
from rootless_build.backend.discovery import Choice
from rootless_build.cli.backend_option import backend_name, check_backend
from rootless_build.cli.command import Command
from rootless_build.cli.engines import settings_for
from rootless_build.cli.own_places import own_directories
from rootless_build.cli.plan_preview import refused_powers, verdicts_on, with_stand_ins
from rootless_build.cli.plan_sockets import with_docker_socket
from rootless_build.cli.run_options import image_options
from rootless_build.cli.sandboxed_reading import look
from rootless_build.cli.views import script
from rootless_build.cli.views.pasting import host_command
from rootless_build.freshness.preview import Forecast
from rootless_build.images.at_once import AtOnce
from rootless_build.images.bases import substitutes as bases
from rootless_build.images.building import build_image
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.recording import IMAGE_ID, Built, Handed, Named, Recording
from rootless_build.model import mounts, outputs
from rootless_build.model import plan as plans
from rootless_build.model.errors import RbuildError, UnsupportedError, UsageError
from rootless_build.model.events import Answer, Level, Notice, StepReporter
from rootless_build.model.structs import replace
from rootless_build.model.text import script_quoted, shown
from rootless_build.process import ulimits
from rootless_build.process.signals import signals_interrupt
from rootless_build.recipes.shell import line
from rootless_build.runner import cache_volumes, exports, interactive, titles

_ENGINES: Final = ("podman", "buildah")
_POLICY: Final = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
"""Of signatures: that of the host is for what comes from elsewhere."""
_STAGED: Final = Path("/rbuild-staged-bundles")
"""Stands for the copy of the bundles until the script is written."""
_FILES: Final = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}


def write_script(
    command: Command, targets: tuple[str, ...], variables: tuple[str, ...], file: Path
) -> int:
    """Write a script for the project's targets to `file`, and what it needs to a directory beside.

    Raises UnsupportedError for what a script can't do, UsageError for a place that can't be
    written.
    """
    with signals_interrupt(command.view.stopping):
        looked = look(command, targets, variables)
        if looked.doubt:
            raise _unsupported(f"the steps are not certain: {looked.doubt}")
        for flag in ("unprivileged", "rootful", "checksums"):
            if command.flag(flag):
                raise _unsupported(f"--{flag} is rbuild's own")
        check_backend(command)
        with settings_for(command) as settings:
            choice = discovery.choose(backend_name(command), settings)
            if choice.backend.name not in _ENGINES:
                raise _unsupported(f"the engine is {choice.backend.name}, not podman or buildah")
            plan, said = with_docker_socket(looked.plan, choice)
            if plan != looked.plan or said:
                raise _unsupported("a container is given the socket of an engine")
            _check_place(plan, file)
            if refused := refused_powers(command, plan, settings, rootless=settings.rootless):
                raise UnsupportedError(refused[0])
            with choice.backend.open(choice.settings) as engine:
                _write(command, plan, choice, engine, file)
    place = file.absolute()
    self_told = f"{shown(place)}, with {shown(place.name)}.d beside it"
    command.tell(self_told, Answer("written", {"file": place, "form": "script"}))
    return 0


def _unsupported(why: str) -> UnsupportedError:
    return UnsupportedError(f"no script is written: {why}", hint="rbuild itself does it")


def _check_place(plan: plans.Plan, file: Path) -> None:
    """Raises UsageError for a file that would be a part of what is built, or in the way."""
    place = file.absolute()
    if not place.parent.is_dir():
        raise UsageError(f"{shown(place.parent)} is no directory")
    beside = _beside(place)
    if place.is_dir() or (beside.exists() and not (beside / script.MARK).is_file()):
        in_the_way = place if place.is_dir() else beside
        raise UsageError(f"{shown(in_the_way)} is there, and no script of rbuild's")
    for step in plan.steps:
        if isinstance(step, plans.BuildImage) and place.resolve().is_relative_to(
            step.context.resolve()
        ):
            raise UsageError(
                f"{shown(place)} would be in the build context {shown(step.context)}",
                hint="write the script elsewhere, for example ../build.sh",
            )


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.d")


def _write(command: Command, plan: plans.Plan, choice: Choice, engine: Engine, file: Path) -> None:
    place = file.absolute()
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as made:
        directory = Path(made) / "new"
        directory.mkdir(mode=0o700)
        text = _Script(command, plan, choice, engine, directory).text(place.name)
        written = Path(made) / "script"
        written.write_text(text, errors="surrogateescape")
        written.chmod(0o700)
        beside = _beside(place)
        if beside.exists():
            beside.rename(Path(made) / "old")
        directory.rename(beside)
        written.replace(place)


class _Script:
    """The script of one plan, whose files are put into `directory`."""

    def __init__(
        self, command: Command, plan: plans.Plan, choice: Choice, engine: Engine, directory: Path
    ) -> None:
        self._command = command
        self._plan = plan
        self._choice = choice
        self._directory = directory
        self._engine = engine
        self._recording = Recording(engine, directory, 1)
        self._needed: dict[str, str] = {}
        self._step: plans.Step | None = None
        self._number = 0

    def text(self, name: str) -> str:
        """The script, whose name that is; what it needs is in the directory then."""
        store = image_store(self._engine)
        if self._engine.remote or store is None or store.archives:
            raise _unsupported("the engine's images can't be read where they lie")
        steps = self._plan.steps
        verdicts = verdicts_on(self._command, self._plan, self._choice, self._recording)
        before = self._engine.image_ids()
        lines: list[list[str]] = []
        try:
            for number, (step, verdict) in enumerate(zip(steps, verdicts, strict=True), 1):
                self._step, self._number = step, number
                if isinstance(step, plans.BuildImage):
                    self._check_build(step, verdict)
                title = f"[{number}/{len(steps)}] {titles.title(step)}"
                lines.append([f"say {script_quoted(title)}", *self._lines(step)])
        finally:
            for identity in reversed(self._recording.made):
                if identity not in before:
                    with suppress(RbuildError):
                        self._engine.discard_image(Image(identity))
        made = {*self._recording.made}
        needed = {key: value for key, value in self._needed.items() if key not in made}
        (self._directory / script.MARK).write_text(f"{rootless_build.__version__}\n")
        (self._directory / "policy.json").write_text(_POLICY)
        choice = self._choice
        return script.text(
            script.Content(
                choice.backend.name,
                f"{name}.d",
                self._comments(),
                self._variables(choice.settings),
                needed,
                lines,
                self._engine.rootless and choice.settings.rootless,
            )
        )

    def _comments(self) -> tuple[str, ...]:
        targets, own = " ".join(self._plan.targets), rootless_build.__version__
        engine = f"{self._choice.backend.name} {self._choice.version}"
        return (
            f"{self._plan.recipe} {targets}".rstrip() + f", in {self._plan.project}",
            f"written by rbuild {own} for {engine} of this host; it needs no rbuild",
            "copies of files are those of that day; RUNs and containers are done anew",
        )

    def _variables(self, settings: EngineSettings) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name, value in settings.environment:
            kept = _FILES.get(name)
            if kept and Path(value).is_relative_to(settings.runtime_directory):
                shutil.copyfile(value, self._directory / kept)
                found[name] = f"{script.HERE}/{kept}"
            else:
                found[name] = script_quoted(value)
        return found

    def _refuse(
        self, why: str, error: RbuildError | None = None, *, hint: str = "rbuild itself does it"
    ) -> NoReturn:
        step = self._step
        origin = getattr(step, "origin", None) or self._plan.recipe
        hint = error.hint if error is not None and error.hint else hint
        message = f"no script is written: step {self._number} ({origin}): {why}"
        raise UnsupportedError(message, hint=hint) from error

    def _lines(self, step: plans.Step) -> Iterator[str]:
        match step:
            case plans.BuildImage():
                yield from self._build(step)
            case plans.RunContainer():
                yield from self._run(step)
            case plans.HostCommand():
                yield self._host_command(step)
            case plans.TagImage():
                image = self._image(step.image)
                self._recording.tag_image(image, step.name)
                yield from self._of_records(self._recording.records[-1:])
            case plans.PullImage():
                if step.pull is plans.PullPolicy.ALWAYS:
                    self._refuse("it asks a registry for a newer image")
                self._need(self._image(step.image), step.image)
                yield ":"
            case plans.RemoveVolume():
                if self._choice.backend.name != "podman":
                    self._refuse("buildah has no volumes of its own")
                yield script.joined(("podman", "volume", "rm", "--force", *step.names), {})
            case plans.Unexpanded():
                self._refuse("its words are known only when its turn comes")
            case plans.CheckContainerfile():
                self._refuse("rbuild answers it without an engine")

    # --- images ---------------------------------------------------------------------------------

    def _image(self, name: str) -> Image:
        image = bases.in_storage(name, self._recording)
        if image is None:
            self._refuse(f"the image {name} is not in storage: pull it first")
        return image

    def _need(self, image: Image, name: str) -> None:
        self._needed.setdefault(image.id, name)

    def _check_build(self, step: plans.BuildImage, verdict: Forecast) -> None:
        for what, asked in (
            ("it has secrets", step.secrets or step.ssh),
            ("it is for several platforms", len(step.platforms) > 1),
            ("it writes files", outputs.files(step) or outputs.archives(step)),
            ("it keeps no image", not outputs.keeps_image(step) or not step.tags),
            ("--squash makes a layer of what RUNs make", step.squash),
        ):
            if asked:
                self._refuse(what)
        if verdict.done is not False:
            self._refuse(
                f"it is not built as it would be now: {verdict.why}", hint="build it first"
            )

    def _build(self, step: plans.BuildImage) -> Iterator[str]:
        recording = self._recording
        built = self._engine.find_image(step.tags[0])
        label = ImageLabel.of(built.labels) if built is not None else None
        if label is None:
            self._refuse("its image is none that rbuild has built")
        prepared, pulled = with_stand_ins(step, recording)
        if pulled:
            self._refuse(f"the image {pulled[0]} is not in storage: pull it first")
        assert isinstance(prepared, plans.BuildImage)  # as it was
        first, seen = len(recording.records), {*recording.outside}
        self._record(prepared, label)
        for identity in recording.outside:
            if identity not in seen:
                self._needed.setdefault(identity, f"that {step.tags[0]} is made of")
        yield from self._of_records(recording.records[first:])
        if step.image_id_file is not None:
            image = recording.records[-1].image
            file = script_quoted(step.image_id_file)
            yield f'printf "sha256:%s" "$(now {image})" > {file}'

    def _record(self, step: plans.BuildImage, label: ImageLabel) -> None:
        own = OwnFiles.of(self._plan, own_directories())
        options = image_options(self._command, self._choice, own).rewriting
        if options is None:
            self._refuse("the engine builds it alone")
        options = replace(options, at_once=AtOnce(1), repeated=self._recording.check)
        step = replace(
            outputs.image_only(step), labels=(*step.labels, label.pair), image_id_file=None
        )
        if step.limits.ulimits and self._choice.settings.rootless:
            step = replace(step, limits=ulimits.possible(step.limits)[0])
        reporter = StepReporter(self._tell, self._number)
        try:
            with exports.with_containerfile(step) as written:
                build_image(written, self._recording, reporter, options)
        except UnsupportedError as error:
            self._refuse(error.message, error)

    def _tell(self, event: object) -> None:
        """What is said of the build: that something of it is inexact, nothing else."""
        if isinstance(event, Notice) and event.level is Level.WARNING:
            self._command.view(event)

    def _of_records(self, records: Sequence[Handed | Built | Named]) -> Iterator[str]:
        engine, ids = self._choice.backend.name, self._ids()
        for record in records:
            match record:
                case Handed():
                    yield f"hand {record.directory.name} {record.image}"
                case Built():
                    number = record.directory.name
                    # Engines look up a RUN by what they are told.
                    (words,) = self._choice.backend.commands(record.step, self._choice.settings)
                    places = ids | {str(record.directory): f"{script.WORK}/{number}"}
                    yield f"begin_build {number}"
                    yield script.joined(words, places)
                    yield " ".join(("end_build", number, record.image, *record.layers))
                    (record.directory / IMAGE_ID).unlink(missing_ok=True)
                case Named():
                    words = (engine, "tag", record.image, record.name)
                    yield script.joined(words, ids)

    def _ids(self) -> dict[str, str]:
        """Images that may have another id when the script is run."""
        return {identity: f'"$(now {identity})"' for identity in self._recording.made}

    # --- commands and containers ----------------------------------------------------------------

    def _host_command(self, step: plans.HostCommand) -> str:
        if line.may_call_docker(step.script, step.shell):
            self._refuse("it may call docker, which is rbuild while it runs")
        text = host_command(step)
        if self._command.hide(self._plan).text(text) != text:
            self._refuse("it has a secret in it")
        return text

    def _run(self, step: plans.RunContainer) -> Iterator[str]:
        streams = interactive.stdio(step, terminal=True)
        image = self._image(step.image)
        for what, asked in (
            ("it has a secret in its environment", step.secret_environment),
            ("somebody works in it", interactive.is_by_hand(step, image, Stdio.TERMINAL)),
            ("it reads what is piped to it", streams is Stdio.PIPED),
            ("its image is asked for anew", step.pull is plans.PullPolicy.ALWAYS),
            ("it stays when it has ended", not step.remove),
        ):
            if asked:
                self._refuse(what)
        step = caller.identify(step, image, self._engine, ())
        if step.caller_ids is not None and _are_nested(step):
            self._refuse("it mounts something in a mount, and its user is you")
        if step.limits.ulimits and self._choice.settings.rootless:
            step = replace(step, limits=ulimits.possible(step.limits)[0])
        if not any(image.id == made for made in self._recording.made):
            self._need(image, step.image)
        step = replace(step, image=image.id, interactive=False, tty=False)
        bundles = self._plan.bundles
        if bundles is not None and bundles.container_path is not None:
            self._refuse("its bundles are copied out of it")
        staged = bundles is not None and mounts.makes_bundles(step, bundles)
        places = self._ids() | {str(_STAGED): script.STAGED}
        if bundles is not None and staged:
            mounts.refuse_links_out(step, bundles.directory)
            real = mounts.real_path(bundles.directory)
            yield f"stage {script_quoted(real)}"
            if mounts.lie_in_a_mount(step, bundles.directory):
                yield f"mkdir -p {script_quoted(real)}"
            step = mounts.staged(step, bundles.directory, _STAGED)
        for mount in mounts.binds(step):
            if mount.create_source:
                source = script.quoted(mount.source, places)
                yield f"[ -e {source} ] || mkdir -p {source}"
        yield from self._container(step, image, places)
        if staged:
            yield "publish"

    def _container(
        self, step: plans.RunContainer, image: Image, places: Mapping[str, str]
    ) -> Iterator[str]:
        backend, settings = self._choice.backend, self._choice.settings
        if backend.name == "podman":
            if not self._command.flag("fresh"):
                kept = cache_volumes.volumes(step, image, self._plan.project)
                step = replace(step, mounts=step.mounts + kept)
            for words in backend.commands(step, settings):
                yield f"{script.joined(words, places)} < /dev/null"
            return
        if any(isinstance(mount, plans.VolumeMount) for mount in step.mounts) or image.volumes:
            self._refuse("buildah has no volumes of its own")
        if (step.user or image.user) not in {"", "0", "root"}:
            self._refuse("the user of its image is another than root, which buildah does not map")
        if step.entrypoint is None:
            # buildah runs a command, and asks no image for one.
            words = (*image.entrypoint, *(step.command or image.command))
            step = replace(step, entrypoint=words, command=())
        name = step.name or f"rbuild-script-{self._number}-{image.id[:12]}"
        *made, run, removed = backend.commands(replace(step, name=name), settings)
        yield from (f"{script.joined(words, places)} > /dev/null" for words in made)
        yield f"container={script_quoted(name)}"
        yield f"{script.joined(run, places)} < /dev/null"
        yield f"{script.joined(removed, places)} > /dev/null"
        yield "container=''"


def _are_nested(step: plans.RunContainer) -> bool:
    """Whether a mount of the container is in another one, where the engine has to make a place."""
    targets = [PurePosixPath(mount.target) for mount in step.mounts]
    return any(one in other.parents for one in targets for other in targets)
