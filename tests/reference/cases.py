"""All cases of the reference, by family; a family has a file in tests/data/reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.reference import random_cases, random_ignores
from tests.reference.add_cases import ADD
from tests.reference.case import Case
from tests.reference.configuration_cases import CONFIGURATIONS
from tests.reference.copy_cases import COPY
from tests.reference.flag_cases import FLAGS
from tests.reference.heredoc_cases import HEREDOCS
from tests.reference.ignore_cases import IGNORE
from tests.reference.mount_cases import MOUNTS
from tests.reference.parser_cases import PARSER
from tests.reference.platform_cases import PLATFORMS
from tests.reference.random_variables import RANDOM_VARIABLES
from tests.reference.remote_cases import REMOTE
from tests.reference.run_cases import RUNS
from tests.reference.setting_cases import SETTINGS
from tests.reference.stage_cases import OTHERS
from tests.reference.stranger_cases import STRANGERS
from tests.reference.variable_cases import VARIABLES
from tests.reference.written_cases import WRITTEN

FAMILIES: Final[Mapping[str, tuple[Case, ...]]] = {
    "copy": COPY,
    "flags": FLAGS,
    "stages": OTHERS,
    "add": ADD,
    "remote": REMOTE,
    "configuration": CONFIGURATIONS,
    "ignore": IGNORE,
    "variables": (*VARIABLES, *RANDOM_VARIABLES),
    "heredocs": HEREDOCS,
    "parser": PARSER,
    "platforms": PLATFORMS,
    "mounts": MOUNTS,
    "settings": SETTINGS,
    "runs": RUNS,
    "written": WRITTEN,
    "strangers": STRANGERS,
}
RANDOM_FAMILIES: Final[Mapping[str, tuple[Case, ...]]] = {
    random_cases.FAMILY: random_cases.RANDOM,
    random_ignores.FAMILY: random_ignores.RANDOM_IGNORES,
}
CASES: Final = tuple(case for family in FAMILIES.values() for case in family)
