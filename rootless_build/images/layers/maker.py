"""A request becomes layers: each operation is done to the tree of the image, and its changes are
written as a tar.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.images.containerfile.patterns import clean
from rootless_build.images.layers import file_index
from rootless_build.images.layers.contents import HostFile, InMemory, Spool, check_room
from rootless_build.images.layers.copying import Options, copy, copy_file
from rootless_build.images.layers.delta import changes_since
from rootless_build.images.layers.destination import cleaned, resolved
from rootless_build.images.layers.directories import Directories
from rootless_build.images.layers.file_index import Changes
from rootless_build.images.layers.globbing import has_wildcards, matches
from rootless_build.images.layers.image_layers import ImageLayers
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.modes import parsed
from rootless_build.images.layers.mount_points import MountPointsOf, Trees
from rootless_build.images.layers.nodes import FIXED_TIME, Node, directory
from rootless_build.images.layers.ownership import Owner, is_root_alone, looked_up
from rootless_build.images.layers.problems import (
    ChangedError,
    NoOverlayError,
    RefusedError,
    UncertainError,
)
from rootless_build.images.layers.request import (
    INDEX,
    Answer,
    Becoming,
    Changed,
    Copying,
    Directory,
    Downloaded,
    Failed,
    ImageFiles,
    Inline,
    Layer,
    LayersRequest,
    Looking,
    Made,
    MountPoints,
    NoOverlay,
    Operation,
    Refused,
    Uncertain,
    WorkingDirectory,
    is_of_images_alone,
)
from rootless_build.images.layers.selection import file_name, selected
from rootless_build.images.layers.sources import HostTree, in_seconds
from rootless_build.images.layers.tar import Writer
from rootless_build.model.structs import replace

if TYPE_CHECKING:
    from rootless_build.images.layers.saved_layers import SavedLayer, SavedTree

_LONGEST_WORDS: Final = 200
_ROOT: Final = WorkingDirectory("/")
"""What is nothing that BuildKit does."""
_NONE: Final = Layer("", 0)
"""The layer of what another one has too."""


def answer(request: LayersRequest, opened: ImageLayers) -> Answer:
    """Make the layers of a request, or say why not."""
    maker: Maker | None = None
    try:
        maker = Maker(request, opened)
        layers = maker.layers()
        return Made(layers, request.groups and maker.is_root_alone())
    except Exception as error:  # the process answers the next request, whatever there was in this
        return _why_not(error, request.operations, maker.at if maker else 0)
    finally:
        if maker is not None:
            maker.close()


def _why_not(error: Exception, operations: tuple[Operation | MountPoints, ...], at: int) -> Answer:
    if isinstance(error, RefusedError):
        return Refused(at, str(error))
    if isinstance(error, ChangedError):
        return Changed(at, error.path)
    if isinstance(error, NoOverlayError):
        return NoOverlay(str(error))
    if isinstance(error, UncertainError):
        return Uncertain(str(error))
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        words = f"{where}{error.strerror or error}"
    else:
        words = f"{type(error).__name__}: {str(error)[:_LONGEST_WORDS]}"
    name = _described(operations[at]) if at < len(operations) else "the image"
    return Failed(at, f"{name}: {words}")


def _described(operation: Operation | MountPoints) -> str:
    if isinstance(operation, WorkingDirectory):
        return f"WORKDIR {operation.path}"
    if isinstance(operation, Looking):
        return f"a mount of {operation.source.path}"
    if isinstance(operation, MountPoints):
        return "what RUN leaves where it mounts"
    if isinstance(operation, Becoming):
        return "all that is new as one layer"
    return f"{'ADD' if operation.add else 'COPY'} to {operation.destination}"


class Maker:
    """The layers of one request, made one after the other. `at` is the operation at work."""

    def __init__(self, request: LayersRequest, opened: ImageLayers) -> None:
        self._request = request
        self._opened = opened
        self._image = ImageTree(opened.base(request.base, request.output))
        given = in_seconds(request.epoch)
        self._time = FIXED_TIME if given is None else given
        self._directories = Directories(self._time)
        self._trees: dict[tuple[Path, ...], HostTree | SavedTree] = {}
        self._layers: dict[Path, HostTree | SavedLayer] = {}
        self._spool = Spool(request.output)
        self._right: MountPointsOf | None = None
        self.at = 0

    def close(self) -> None:
        """No file is opened any more."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()
        for layer in self._layers.values():
            if isinstance(layer, HostTree):
                layer.close()
        self._layers.clear()
        self._directories.close()
        self._image.close()
        self._spool.close()

    def layers(self) -> tuple[Layer, ...]:
        """Make the layer of each operation. Raises RefusedError, ChangedError, OSError."""
        made: list[Layer] = []
        for number in range(len(self._request.operations)):
            layer, merged = self._layer(number)
            if merged:
                made[-1] = _NONE
            made.append(layer)
        return tuple(made)

    def is_root_alone(self) -> bool:
        """Whether root is in no group but its own, as the image is now."""
        return is_root_alone(self._image)

    def _layer(self, number: int) -> tuple[Layer, bool]:
        """The layer of an operation, and whether it has what was put right before it."""
        self.at = number
        operation = self._request.operations[number]
        image = self._image
        if isinstance(operation, Copying) and operation.link and not operation.chmod:
            image = ImageTree(None)
        for each in (image, self._image):
            each.begin(number + 1)
        right, self._right = self._right, None
        self._do(operation, image)
        merged = right is not None and image is self._image and not right.is_put_over()
        image.since -= merged
        made = self._written(number, image)
        if image is not self._image:
            self._image.merge(image)
        if not isinstance(operation, Looking) and operation != _ROOT:
            self._image.is_begun = True
        return made, merged

    def _written(self, number: int, image: ImageTree) -> Layer:
        """The layer of an operation, written as the request has it."""
        request = self._request
        path = request.output / f"{number}.tar"
        is_last = number + 1 == len(request.operations)
        if request.since is None:
            made = self._write(image.changes, path)
            if request.index and is_last:
                self._write_index(image)
            return made
        if is_last:
            changes = changes_since(image, self._image, request.since)
            return self._write(lambda: changes, path)
        if is_of_images_alone(request.operations[number]):
            return _NONE
        return self._write(image.changes, path)

    def _write_index(self, image: ImageTree) -> None:
        if not all(_is_known(node) for _, node in image.changes()):
            return
        entries = (entry for entry, _, _ in file_index.entries_of(image.changes))
        file_index.write(self._request.output / INDEX, entries)

    def _write(self, changes: Callable[[], Changes], path: Path) -> Layer:
        self._check_room(changes)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        first: dict[int, str] = {}
        with Writer(os.open(path, flags, 0o600)) as archive:
            for name, node in changes():
                known = first.setdefault(id(node), name) if node.inode else name
                if known == name:
                    archive.add(name, node)
                else:
                    archive.add_link(name, known, node)
        return Layer(archive.digest, archive.size, archive.entries)

    def _check_room(self, changes: Callable[[], Changes]) -> None:
        total = most = 0
        largest = ""
        linked: set[int] = set()
        for name, node in changes():
            if node.content is None or id(node) in linked:
                continue
            if node.inode is not None:
                linked.add(id(node))
            size = node.content.size
            total += size
            if size > most:
                most, largest = size, name
        check_room(self._request.output, total, largest, most)

    def _do(self, operation: Operation | MountPoints, image: ImageTree) -> None:
        _refuse_nul(operation)
        if isinstance(operation, Looking):
            self._look(operation.source)
            return
        if isinstance(operation, WorkingDirectory):
            given = looked_up(image, operation.owner)
            owner = given or Owner(0, 0)
            made = directory(0o755, owner.uid, owner.gid, self._time)
            path = resolved(image, operation.path)
            image.make_directories(path, made, owned=given is not None)
            return
        if isinstance(operation, MountPoints):
            work = self._put_right(operation, image)
            self._right = work if operation.merge else None
            return
        if isinstance(operation, Becoming):
            self._become(operation, image)
            return
        options = Options(
            self._time,
            looked_up(image, operation.chown),
            parsed(operation.chmod),
            operation.exclude,
        )
        destination = cleaned(operation.destination)
        for source in operation.sources:
            if isinstance(source, Directory | ImageFiles):
                self._copy(operation, source, image, destination, options)
            elif isinstance(source, Inline):
                node = Node(stat.S_IFREG | 0o644, mtime=self._time)
                node.content = InMemory(source.content)
                copy_file(node, file_name(source.name), image, destination, options)
            else:
                self._copy_download(operation, source, image, destination, options)

    def _look(self, source: ImageFiles) -> None:
        tree = self._tree(source)
        if tree.find(resolved(tree, source.path)) is None:
            raise RefusedError(f"{source.path} is not there")

    def _become(self, operation: Becoming, image: ImageTree) -> None:
        # Few builds squash.
        from rootless_build.images.layers.difference import Difference  # noqa: PLC0415

        before, after = (
            self._tree(ImageFiles(layers, "/")) if layers else None
            for layers in (self._request.base, operation.layers)
        )
        if after is not None:
            Difference(image, before, after).make()

    def _put_right(self, operation: MountPoints, image: ImageTree) -> MountPointsOf:
        work = MountPointsOf(image)
        since = self._trees_since(operation.before)
        if since.own is None and not operation.alone:
            # Of a storage that keeps no layers by themselves it is not known what each RUN did.
            work.put_right(since, operation.always)
            return work
        last = since if operation.alone else self._trees_since(self._request.base[1:])
        if operation.last:
            work.put_right(last, operation.last)
        work.put_right(since, operation.always)
        return work

    def _trees_since(self, before: tuple[Path, ...]) -> Trees:
        after = self._request.base
        number = len(after) - len(before)
        known = number > 0 and after[number:] == before
        return Trees(
            self._tree(ImageFiles(before, "/")) if before else None,
            self._tree(ImageFiles(after, "/")),
            [self._own(layer) for layer in after[:number]] if known else None,
        )

    def _own(self, layer: Path) -> HostTree | SavedLayer:
        if layer not in self._layers:
            self._layers[layer] = self._opened.own(layer, self._request.output)
        return self._layers[layer]

    def _copy(
        self,
        operation: Copying,
        source: Directory | ImageFiles,
        image: ImageTree,
        destination: str,
        options: Options,
    ) -> None:
        tree = self._tree(source)
        checked = not self._is_base(source, image)
        taken = selected(tree, source.path, parents=operation.parents, checked=checked)
        start = taken.start
        options = replace(options, include=taken.include, required=taken.required, checked=checked)
        unpack = operation.add if operation.unpack is None else operation.unpack
        for path in matches(tree, start):
            if has_wildcards(clean(f"/{start}")) and tree.find(path) is None:
                raise ChangedError(path)  # it was there when it was looked for
            if unpack and self._unpack(
                tree.find(resolved(tree, path)), image, destination, options
            ):
                continue
            copy(tree, path, image, destination, options)

    def _is_base(self, source: Directory | ImageFiles, image: ImageTree) -> bool:
        """Whether files are copied from the very image that they come upon, of which BuildKit looks
        at nothing beforehand.
        """
        return (
            isinstance(source, ImageFiles)
            and source.layers == self._request.base
            and image is self._image
            and all(isinstance(each, Looking) for each in self._request.operations[: self.at])
        )

    def _copy_download(
        self,
        operation: Copying,
        source: Downloaded,
        image: ImageTree,
        destination: str,
        options: Options,
    ) -> None:
        tree = self._directories.tree(Directory(source.file.parent, ""))
        status = source.file.lstat()
        node = Node(stat.S_IFREG | 0o600, mtime=in_seconds(source.modified) or 0)
        node.content = HostFile.seen(tree, "", source.file.name, status)
        if operation.unpack and self._unpack(node, image, destination, options):
            return
        copy_file(node, source.name, image, destination, options)

    def _unpack(
        self, node: Node | None, image: ImageTree, destination: str, options: Options
    ) -> bool:
        """Unpack an archive into the destination; False for what is none."""
        if node is None or not node.is_file or node.content is None:
            return False
        # What reads archives takes as long to load as all else.
        from rootless_build.images.layers.archives import unpacked  # noqa: PLC0415

        return unpacked(node.content, image, destination, options, self._spool)

    def _tree(self, source: Directory | ImageFiles) -> HostTree | SavedTree:
        if isinstance(source, Directory):
            return self._directories.tree(source)
        # `scratch` has no directory, and nothing to copy.
        if not source.layers:
            raise RefusedError(f"{source.path} is not there")
        if source.layers not in self._trees:
            tree = self._opened.tree(source.layers, self._request.output, self._time)
            self._trees[source.layers] = tree
        return self._trees[source.layers]


def _is_known(node: Node) -> bool:
    """Whether a later build can tell that what is in a file is the same."""
    return node.content is None or isinstance(node.content, HostFile | InMemory)


def _refuse_nul(operation: Operation | MountPoints) -> None:
    """The kernel takes it for the end of a path."""
    if isinstance(operation, WorkingDirectory):
        texts = [operation.path, operation.owner]
    elif isinstance(operation, Looking):
        texts = [operation.source.path]
    elif isinstance(operation, MountPoints):
        texts = [*operation.always, *operation.last]
    elif isinstance(operation, Becoming):
        texts = []
    else:
        texts = [operation.destination, operation.chown]
        for source in operation.sources:
            texts.append(source.path if isinstance(source, Directory | ImageFiles) else source.name)
    for text in texts:
        if "\0" in text:
            raise RefusedError(f"there is a NUL in {text!r}")
