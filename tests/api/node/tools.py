"""Running node scripts; where node or its packages are missing, saying so loudly."""

import shutil
import subprocess
from pathlib import Path

from tests.services import has_node_package, require

HERE = Path(__file__).parent


def node() -> str:
    """Return the path of node."""
    require("node and what 'make node' installs", has_node_package("graphql-http"))
    found = shutil.which("node")
    assert found is not None
    return found


def start(script: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a script of this folder."""
    return subprocess.Popen(
        [node(), HERE / script, *arguments],
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
