"""What ADD of a case has from elsewhere: a web server and a git daemon, for this host alone.

In the text of a case `@web@` stands for the address of a server that has the case's `web`, `@git@`
for a repository that is always the same: two commits, a tag of the first, a branch, a directory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import threading
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Final

from tests.git_served import git, served
from tests.reference.case import Archive, Case, Context, File, Link
from tests.reference.contexts import archive

_WEB: Final = "@web@"
_GIT: Final = "@git@"
_ARCHIVE_TIME: Final = 1_600_000_000


def needs_servers(case: Case) -> bool:
    """Whether something of the case is served."""
    return any(mark in text for mark in (_WEB, _GIT) for text in _texts(case))


@contextlib.contextmanager
def serving(case: Case, place: Path) -> Iterator[Case]:
    """The case with the addresses of what is served meanwhile; `place` is a new directory."""
    with contextlib.ExitStack() as servers:
        addresses: dict[str, str] = {}
        if any(_WEB in text for text in _texts(case)):
            addresses[_WEB] = servers.enter_context(_web(case.web))
        if any(_GIT in text for text in _texts(case)):
            _make_repository(place / "project.git")
            addresses[_GIT] = f"{servers.enter_context(served(place))}/project.git"
        args = tuple((name, _filled(value, addresses)) for name, value in case.args)
        contexts = {name: _filled(value, addresses) for name, value in case.elsewhere.items()}
        text = _filled(case.text, addresses)
        yield dataclasses.replace(case, text=text, args=args, elsewhere=contexts)


def _texts(case: Case) -> tuple[str, ...]:
    return (case.text, *(value for _, value in case.args), *case.elsewhere.values())


def _filled(text: str, addresses: Mapping[str, str]) -> str:
    for mark, address in addresses.items():
        text = text.replace(mark, address)
    return text


@contextlib.contextmanager
def _web(content: Context) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(whole=True)

        def do_HEAD(self) -> None:
            self._answer(whole=False)

        def _answer(self, *, whole: bool) -> None:
            found = content.get(self.path.removeprefix("/"))
            match found:
                case Link():
                    self._begin(HTTPStatus.FOUND, 0, ("Location", found.target))
                case File() | Archive():
                    body, seconds = _body(found)
                    dated = (("Last-Modified", formatdate(seconds, usegmt=True)),)
                    self._begin(HTTPStatus.OK, len(body), *(dated if seconds else ()))
                    if whole:
                        self.wfile.write(body)
                case _:
                    self._begin(HTTPStatus.NOT_FOUND, 0)

        def _begin(self, status: HTTPStatus, length: int, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(length))):
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with at_work(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def at_work(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    """A web server for this host alone; gives its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _body(found: File | Archive) -> tuple[bytes, int]:
    """The bytes, and the time in seconds; 0 is not told."""
    if isinstance(found, Archive):
        return archive(found), _ARCHIVE_TIME
    content = found.content.encode() if isinstance(found.content, str) else found.content
    return content, found.mtime // 10**9


def _make_repository(work: Path) -> None:
    work.mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / "sub" / "deep").mkdir(parents=True)
    (work / "sub" / "g").write_text("g\n")
    (work / "sub" / "deep" / "h").write_text("h\n")
    (work / "f").write_text("one\n")
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o775)
    (work / "link").symlink_to("sub/g")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "one")
    git(work, "tag", "-a", "v1", "-m", "v1")
    git(work, "branch", "old")
    (work / "f").write_text("two\n")
    git(work, "commit", "--quiet", "-am", "two")
