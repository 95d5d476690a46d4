"""COPY of files and trees into an image, as BuildKit does it.

A directory's content is copied, not the directory. Directories that are there get the modes, owners
and times of the source's, but for the one that is copied to, which gets the time alone. A file
takes the place of a file or a link, never of a directory, and a directory takes nobody's place.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from rootless_build.images.containerfile.patterns import PatternError, Patterns
from rootless_build.images.layers.destination import resolved
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.modes import Modes
from rootless_build.images.layers.nodes import Node, directory
from rootless_build.images.layers.ownership import Owner
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.sources import Tree


class Options(Struct, frozen=True):
    """What holds for all that one instruction copies. `time` is that of directories it makes.

    `required`: something has to be there that `include` means and `exclude` does not. `checked`:
    the links of the source must lead somewhere.
    """

    time: int
    owner: Owner | None = None
    modes: Modes | None = None
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    required: bool = False
    checked: bool = True

    def parent(self) -> Node:
        """A directory as it is made on the way to the destination."""
        owner = self.owner or Owner(0, 0)
        permissions = 0o755 if self.modes is None else self.modes.of_parents
        return directory(permissions, owner.uid, owner.gid, self.time)


def copy(tree: Tree, source: str, image: ImageTree, destination: str, options: Options) -> None:
    """Copy what is at `source`, a path of `tree` as it is written, to a cleaned absolute path.

    Raises RefusedError, OSError.
    """
    place = resolved(tree, source)
    node = tree.find(place)
    if node is None:
        raise RefusedError(f"{source} is not there")
    if node.is_directory:
        target = _directory_for(image, destination, options)
        target.mtime = node.mtime
        image.touch(target)
        copying = _Copying(tree, image, options)
        copying.directory(place, target)
        if options.required and not copying.found:
            raise RefusedError(f"{source} is excluded")
    else:
        name = source.rstrip("/").rpartition("/")[2]
        copy_file(node, name, image, destination, options)


def copy_file(node: Node, name: str, image: ImageTree, destination: str, options: Options) -> None:
    """Copy one file, which is called `name` in a destination that is a directory.

    Raises RefusedError, OSError.
    """
    _make_way(image, destination, options)
    path = resolved(image, destination)
    present = image.find(path)
    if present is not None and present.is_directory:
        path = f"{path}/{name}" if path else name
    parent_path, _, last = path.rpartition("/")
    owned = options.owner is not None
    parent = image.make_directories(parent_path, options.parent(), owned=owned)
    _give(node, options)
    _put(image, parent, last, node)


def _directory_for(image: ImageTree, destination: str, options: Options) -> Node:
    _make_way(image, destination, options)
    path = resolved(image, destination)
    owned = options.owner is not None
    return image.make_directories(path, options.parent(), owned=owned)


def _make_way(image: ImageTree, destination: str, options: Options) -> None:
    """Make the directory that the destination is in, or that it says it is."""
    above, _, last = destination.rpartition("/")
    way = destination if last in {"", "."} else above
    owned = options.owner is not None
    image.make_directories(resolved(image, way), options.parent(), owned=owned)


def _put(image: ImageTree, parent: Node, name: str, node: Node) -> None:
    present = image.child(parent, name)
    if present is not None and present.is_directory:
        raise RefusedError(f"{name} is a directory, and can't be replaced by a file")
    image.put(parent, name, node)


def _give(node: Node, options: Options) -> None:
    """The owner and the mode that the options give."""
    if options.owner is not None:
        node.uid, node.gid = options.owner.uid, options.owner.gid
    if options.modes is not None and not node.is_link:
        node.mode = options.modes.of(node.mode)


class _Level(Struct):
    """A directory of the source on its way to the image. `target` is None until it is needed,
    `present` what the image has there before.
    """

    path: str
    below_top: str
    target: Node | None
    present: Node | None
    name: str = ""
    node: Node | None = None
    above: _Level | None = None


def _is_blocked(level: _Level) -> bool:
    """Whether a file of the image is in the way: BuildKit looks there for all that is in the
    directory, be it meant or not.
    """
    present = level.present
    return present is not None and not (present.is_directory or present.is_link)


class _Copying:
    """A tree that is copied. `found`: there was something in it that the patterns mean."""

    def __init__(self, tree: Tree, image: ImageTree, options: Options) -> None:
        self._tree = tree
        self._image = image
        self._options = options
        self._include = _patterns(options.include)
        self._exclude = _patterns(options.exclude)
        self._seen: dict[tuple[int, int], Node] = {}
        self.found = False

    def directory(self, path: str, target: Node) -> None:
        """Copy what is in a directory of the source."""
        pending = [_Level(path, "", target, target)]
        while pending:
            level = pending.pop()
            entries = self._tree.list(level.path)
            if entries and _is_blocked(level):
                raise RefusedError(f"{level.name} is not a directory")
            for name, node in entries:
                below = f"{level.below_top}/{name}" if level.below_top else name
                included = self._is_included(below)
                self.found = self.found or included
                if node.is_directory:
                    deeper = self._deeper(level, name, node, below)
                    if included:
                        self._enter(deeper)
                    if included or self._may_hold(below) or _is_blocked(deeper):
                        pending.append(deeper)
                elif included:
                    self._file(level, name, node)

    def _deeper(self, level: _Level, name: str, node: Node, below: str) -> _Level:
        path = f"{level.path}/{name}" if level.path else name
        present = None
        if level.present is not None and level.present.is_directory:
            present = self._image.child(level.present, name)
        return _Level(path, below, None, present, name, node, level)

    def _is_included(self, below: str) -> bool:
        try:
            if self._options.include and not (self._include and self._include.match(below)):
                return False
            return self._exclude is None or not self._exclude.match(below)
        except PatternError as error:
            raise RefusedError(str(error)) from error

    def _may_hold(self, below: str) -> bool:
        """Whether something in a directory that is not meant may be."""
        if self._exclude is None or self._exclude.exceptions:
            return True
        return not self._exclude.match(below)

    def _file(self, level: _Level, name: str, node: Node) -> None:
        if node.is_link:
            self._check_link(level, name)
        parent = level.target or self._lead_to(level)
        first = node if node.inode is None else self._seen.setdefault(node.inode, node)
        if first is node:
            _give(node, self._options)
        _put(self._image, parent, name, first)

    def _check_link(self, level: _Level, name: str) -> None:
        """BuildKit follows the links of a whole tree when it looks for what patterns mean."""
        asked = self._include is not None or self._exclude is not None
        if (
            self._options.checked
            and asked
            and not level.path
            and self._tree.find(resolved(self._tree, name)) is None
        ):
            raise RefusedError(f"{name} is a link that leads nowhere")

    def _enter(self, level: _Level) -> None:
        """Make a directory, or make the one that is there like it."""
        above, node = level.above, level.node
        assert above is not None  # only the top has none
        assert node is not None  # nor has it this
        parent = above.target or self._lead_to(above)
        present = self._present(parent, level.name)
        _give(node, self._options)
        if present is None:
            self._image.put(parent, level.name, node)
            level.target = node
            return
        present.mode, present.uid, present.gid = node.mode, node.uid, node.gid
        present.mtime = node.mtime
        self._image.touch(present)
        level.target = present

    def _lead_to(self, level: _Level) -> Node:
        """Make the directories that no pattern meant, for something in them that one does."""
        chain = [level]
        while chain[-1].above is not None and chain[-1].above.target is None:
            chain.append(chain[-1].above)
        target = level.target
        for each in reversed(chain):
            target = each.target = self._made_parent(each)
        assert target is not None  # there is one in the chain at least
        return target

    def _made_parent(self, level: _Level) -> Node:
        above, node = level.above, level.node
        assert above is not None  # only the top has none
        assert node is not None  # nor has it this
        assert above.target is not None  # it was made first
        present = self._present(above.target, level.name)
        if present is None:
            _give(node, self._options)
            self._image.put(above.target, level.name, node)
            return node
        # Its owner and its time stay.
        present.mode = node.mode
        self._image.touch(present)
        return present

    def _present(self, parent: Node, name: str) -> Node | None:
        present = self._image.child(parent, name)
        if present is not None and not present.is_directory:
            raise RefusedError(f"{name} is no directory, and can't be replaced by one")
        return present


def _patterns(lines: Sequence[str]) -> Patterns | None:
    try:
        return Patterns(lines) or None
    except PatternError as error:
        raise RefusedError(str(error)) from error
