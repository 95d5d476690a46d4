"""What `rbuild help` has besides commands and options: exit statuses, the environment, files."""

from __future__ import annotations

from typing import Final

Rows = tuple[tuple[str, str], ...]

EXIT_STATUSES: Final[Rows] = (
    ("0", "done"),
    ("1", "a step failed"),
    ("2", "wrong usage, unknown target, bad rbuild.toml"),
    ("3", "this host can't; also: an image is nowhere to be had"),
    (
        "4",
        (
            "bundles failed verification, one has nothing in it, or what somebody else made is in"
            " their way"
        ),
    ),
    ("130", "interrupted"),
    ("others", "rbuild run, shell and exec pass on the command's own; 125 to 127 are docker's"),
)
ENVIRONMENT: Final[Rows] = (
    ("RBUILD_BACKEND", "as --backend"),
    ("BUILDKIT_PROGRESS", "as --progress"),
    ("NO_COLOR, TERM=dumb", "no colours; with TERM=dumb nothing changes on the screen either"),
    ("CONTAINER_HOST, CONTAINER_CONNECTION", "a podman service, here or elsewhere"),
    (
        "DOCKER_HOST, DOCKER_CONTEXT",
        "a docker daemon; a socket of this host is for --backend docker",
    ),
    ("DOCKER_DEFAULT_PLATFORM", "platform of images and containers where none is named"),
    ("TMPDIR", "where large files are for a moment"),
    (
        "GITHUB_ACTIONS, GITLAB_CI",
        "steps fold in the job's log; GITHUB_STEP_SUMMARY gets a table of them",
    ),
)
FILES: Final[Rows] = (
    ("rbuild.toml", "the project's settings and targets"),
    ("bundles/", "what builds make; --bundles-dir is another directory"),
    ("$XDG_CONFIG_HOME/rbuild/config.toml", "your own settings (~/.config)"),
    (
        "$XDG_STATE_HOME/rbuild",
        "logs of runs, which images are rbuild's, files of failed containers (~/.local/state)",
    ),
    ("$XDG_CACHE_HOME/rbuild", "what is known of files and engines; it may be removed (~/.cache)"),
    ("$XDG_DATA_HOME/containers", "images, kept by podman and buildah (~/.local/share)"),
)
TABLES: Final = (
    ("Exit status", EXIT_STATUSES),
    ("Environment", ENVIRONMENT),
    ("Files", FILES),
)
