"""What is installed is what the folders hold, once, and under one import name."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "api": "dateline/api",
    "dateline": "dateline",
    "domain": "dateline/domain",
    "examples": "dateline/examples",
    "projections": "dateline/projections",
}
BUILD = """
import sys
from setuptools.build_meta import build_wheel
build_wheel(sys.argv[1])
"""


def files() -> Iterator[Path]:
    """Yield each file of the packages as a path in the wheel, links not followed."""
    for folder, installed in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            below = path.relative_to(ROOT / folder)
            if path.is_file() and "__pycache__" not in below.parts:
                yield Path(installed, below)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the wheel from a clean copy of the tree and return its file names."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for folder in FOLDERS:
        ignored = ignore_patterns("__pycache__")
        copytree(ROOT / folder, tree / folder, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (tree / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-c", BUILD, out], cwd=tree, check=True, capture_output=True
    )
    (built,) = out.glob("*.whl")
    with ZipFile(built) as archive:
        return archive.namelist()


def test_every_package_folder_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["setuptools"]["packages"]

    data = {"assets", "templates"}
    folders = {file.parent.parts for file in files() if not data & {*file.parts}}
    assert sorted(listed) == sorted(".".join(folder) for folder in folders)


@pytest.mark.parametrize("folder", sorted(FOLDERS.keys() - {"dateline"}))
def test_the_folders_are_linked_under_the_one_import_name(folder: str) -> None:
    assert (ROOT / "dateline" / folder).readlink() == Path("..", folder)


def test_the_wheel_holds_every_file_once(wheel: list[str]) -> None:
    packed = [name for name in wheel if ".dist-info/" not in name]

    assert sorted(packed) == sorted(file.as_posix() for file in files())


@pytest.mark.parametrize(
    "name",
    [
        "dateline/py.typed",
        "dateline/api/assets/graphiql/LICENSE-graphiql",
        "dateline/examples/dprk-troops-2024.jsonl",
    ],
)
def test_the_wheel_holds_what_is_not_a_module(wheel: list[str], name: str) -> None:
    assert wheel.count(name) == 1


def test_importing_dateline_needs_neither_a_web_framework_nor_a_terminal() -> None:
    program = "import sys, dateline; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    imported = set(run.stdout.split())

    assert "dateline" in imported
    assert imported.isdisjoint(
        {
            *("dateline.api", "starlette", "strawberry", "uvicorn"),
            *("dateline.client", "httpx", "httpx_sse", "tenacity"),
            *("rich", "typer"),
        }
    )
