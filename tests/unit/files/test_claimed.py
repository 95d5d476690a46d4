"""A file is one process's for as long as that lives, and anybody's then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.files.claimed import Claim, ClaimedError

_CLAIMS = """
import sys
from pathlib import Path
from rootless_build.files.claimed import Claim
claim = Claim(Path(sys.argv[1]), b"another's")
print("claimed", flush=True)
sys.stdin.read()
"""


def _another(file: Path) -> subprocess.Popen[bytes]:
    """A process that has claimed a file, and ends when it is killed."""
    words = (sys.executable, "-c", _CLAIMS, str(file))
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"claimed\n"
    return process


@pytest.mark.parametrize("before", [None, b"of an earlier one"])
def test_what_another_process_has_claimed_stays_its_own_until_that_is_gone(
    tmp_path: Path, before: bytes | None
) -> None:
    file = tmp_path / "it"
    if before is not None:
        file.write_bytes(before)
    with _another(file) as process:
        with pytest.raises(ClaimedError):
            Claim(file, b"own")
        assert file.read_bytes() == b"another's"
        process.kill()
        process.wait()
    Claim(file, b"own", 0o640).release()
    assert file.read_bytes() == b"own"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["it"]


def test_a_file_that_was_taken_away_may_be_another_one_s(tmp_path: Path) -> None:
    file = tmp_path / "it"
    claim = Claim(file, b"own")
    claim.check()
    file.unlink()
    claim.check()
    file.write_bytes(b"nobody's")
    claim.check()
    file.unlink()
    with _another(file) as process:
        with pytest.raises(ClaimedError):
            claim.check()
        process.kill()
    claim.release()


def test_a_file_that_nobody_may_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "it"
    file.touch(0o200)
    Claim(file, b"own").release()
    assert file.read_bytes() == b"own"
