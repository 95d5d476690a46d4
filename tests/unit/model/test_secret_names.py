"""What of a command line is not kept."""

from __future__ import annotations

import pytest

from rootless_build.model.secret_names import without_values


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("API_TOKEN=abc", "API_TOKEN=***"),
        ("--env=db_password=a=b\nc", "--env=db_password=***"),
        ("-eAPI_TOKEN=abc", "-eAPI_TOKEN=***"),
        ("--build-arg=AWS_ACCESS_KEY_ID=abc", "--build-arg=AWS_ACCESS_KEY_ID=***"),
        ("apikey=abc", "apikey=***"),
        ("VERSION=1.2", "VERSION=1.2"),
        ("--secret-env=API_TOKEN", "--secret-env=API_TOKEN"),
        ("API_TOKEN=", "API_TOKEN="),
        ("print(API_TOKEN=x)", "print(API_TOKEN=x)"),
    ],
)
def test_values_go_whose_names_say_that_they_are_secret(word: str, kept: str) -> None:
    assert without_values(("run", word)) == ("run", kept)
