"""Schemathesis finds nothing: all its checks, against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dateline import Ledger
from tests.api.serving import serving
from tests.stores import on_sqlite_alone

ROOT = Path(__file__).parents[3]


@on_sqlite_alone
@pytest.mark.slow
def test_what_fits_the_document_is_answered_and_the_rest_refused(
    story: Ledger,
) -> None:
    command = Path(sys.executable).parent / "schemathesis"
    with serving(story, at_least_seconds=0.01) as url:
        found = subprocess.run(
            [
                *(
                    command,
                    "--config-file",
                    Path(__file__).with_name("schemathesis.toml"),
                ),
                *("run", f"{url}/v1/openapi.json"),
            ],
            check=False,
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            text=True,
        )
    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"(\d{4,}) generated, \1 passed", found.stdout), found.stdout
    story.verify()
