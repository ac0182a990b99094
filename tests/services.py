"""What some tests need and a machine may not have: skipped loudly, but not in CI."""

import os
import shutil
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI") == "true"

NODE_MODULES = Path(__file__).parent / "api" / "node" / "node_modules"


def require(what: str, is_there: bool) -> None:
    """Skip a test for want of something; where ``CI`` is ``true``, fail it."""
    if is_there:
        return
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI needs it")
    pytest.skip(f"NOT TESTED for want of {what}")


def has_command(*names: str) -> bool:
    """Tell whether commands are on the path."""
    return all(shutil.which(name) for name in names)


def has_node_package(name: str) -> bool:
    """Tell whether node and one of the packages of tests/api/node are there."""
    return has_command("node") and (NODE_MODULES / name).is_dir()
