"""All scripts of the reference."""

from __future__ import annotations

from typing import Final

from tests.reference.scripts.build_scripts import BUILD, QUESTIONS
from tests.reference.scripts.container_scripts import COPIES, DETACHED, STORES
from tests.reference.scripts.image_scripts import ANSWERS, IMAGES, SHAPES
from tests.reference.scripts.run_scripts import RUN
from tests.reference.scripts.usage_scripts import USAGE
from tests.reference.scripts.written_scripts import WRITTEN

SCRIPTS: Final = (
    *BUILD,
    *RUN,
    *DETACHED,
    *COPIES,
    *STORES,
    *IMAGES,
    *ANSWERS,
    *SHAPES,
    *QUESTIONS,
    *WRITTEN,
    *USAGE,
)
