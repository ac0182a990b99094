"""Running node scripts; where node or its packages are missing, saying so loudly."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALL = "npm install --no-package-lock --prefix tests/api/node"


def need_node() -> str:
    """Return the path of node; skip the test without it, or fail it in CI."""
    node = shutil.which("node")
    missing = None
    if node is None:
        missing = "node is not installed"
    elif not (HERE / "node_modules" / "graphql-http").is_dir():
        missing = f"the node packages are not installed: {INSTALL}"
    if missing is None:
        assert node is not None
        return node
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(f"NOT TESTED: {missing}")


def start(script: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a script of this folder."""
    return subprocess.Popen(
        [need_node(), HERE / script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(script: str, *arguments: str) -> list[str]:
    """Run a script of this folder to its end; return what it printed."""
    with start(script, *arguments) as process:
        out, complaints = process.communicate()
    assert process.returncode == 0, complaints
    return out.splitlines()
