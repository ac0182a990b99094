"""What the documentation shows is what happens, and what there is, it names.

Every ``python`` block of README.md and docs/ is run, all of one page in one namespace
and one empty folder, beside a link to the examples. What it prints is the ``text`` or
``json`` block that follows at once; without one, it prints nothing. In a ``console``
block each line after ``$`` is run by the shell in the same folder (``>`` goes on with
it), and the lines below are what it prints; a command that ends in ``&`` runs until the
page ends, and is waited for until it listens. A ``js`` block is run by node. ``...``
stands for anything: alone on its line, for any lines. Where a page says port 8000, a
free one is used.

``python -m tests.test_docs`` writes the pages anew: the outputs that leave nothing
out, and what is generated from the code.
"""

import contextlib
import importlib
import io
import os
import pkgutil
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import typer

import dateline
from dateline import jsonl, ledger
from dateline.cli.app import app
from dateline.domain import errors, events
from dateline.projections import committing
from dateline.projections.sqlite import schema
from tests.services import NODE_MODULES, has_command, has_node_package, require

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
ON_A_SERVER = [
    DOCS / "how-to" / "run-on-postgresql.md",
    DOCS / "how-to" / "run-in-production.md",
]
"""Pages that tests/test_production_docs.py runs, beside a database server."""
ON_NATS = DOCS / "how-to" / "fan-out-through-nats.md"
"""The page that tests/jetstream/test_page.py runs, beside a server of NATS."""
RUN_HERE = [page for page in PAGES if page not in (*ON_A_SERVER, ON_NATS)]
UNEXECUTED = {"sh": 3}
"""Blocks of other kinds: at most so many in the pages that are run here."""

FENCE = re.compile(r"```(\w*)")
ANYTHING = "..."


class Block(NamedTuple):
    """A fenced block: what kind, the index of its first line, and its lines."""

    info: str
    first: int
    lines: list[str]

    @property
    def end(self) -> int:
        return self.first + len(self.lines)


class Example(NamedTuple):
    """What a page shows in some lines, and what happened."""

    lines: slice
    shown: list[str]
    happened: list[str]

    @property
    def is_so(self) -> bool:
        pattern = "".join(
            r"(?:.*\n)*?"
            if line == ANYTHING
            else re.escape(line).replace(re.escape(ANYTHING), ".*") + "\n"
            for line in self.shown
        )
        happened = "".join(f"{line}\n" for line in self.happened)
        return re.fullmatch(pattern, happened) is not None


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(lines: Sequence[str]) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    opened: tuple[str, int] | None = None
    for index, line in enumerate(lines):
        fence = FENCE.fullmatch(line)
        if fence and opened is None:
            opened = fence[1], index + 1
        elif fence and opened is not None:
            info, first = opened
            yield Block(info, first, list(lines[first:index]))
            opened = None
    assert opened is None, "a block is not closed"


# --- what is run --------------------------------------------------------------------

PORT = "8000"
"""The port that pages name."""


class Stage:
    """Where one page is run: a folder, a free port, and what it left running.

    Attributes:
        environment: of what is run.
        stands_for: what a page says, and what is put in its place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "node_modules").symlink_to(NODE_MODULES)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.stands_for = {f"127.0.0.1:{PORT}": f"127.0.0.1:{self.port}"}
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        self.environment = {
            **os.environ,
            "PATH": path,
            "COLUMNS": "88",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "DATELINE_PORT": self.port,
        }
        self._running: list[subprocess.Popen[bytes]] = []

    def staged(self, text: str) -> str:
        """Put the free port where a page names its own."""
        for said, meant in self.stands_for.items():
            text = text.replace(said, meant)
        return text

    def shown(self, printed: str) -> list[str]:
        """Put the page's port back into what was printed."""
        for said, meant in self.stands_for.items():
            printed = printed.replace(meant, said)
        return [line.rstrip() for line in printed.splitlines()]

    def shell(self, command: str) -> list[str]:
        """Run a command line with ``dateline`` on the path; return what it prints."""
        command = self.staged(command)
        if command.endswith("&"):
            self._begin(command.removesuffix("&"))
            return []
        return self._finish(["bash", "-c", command], "")

    def node(self, source: str) -> list[str]:
        """Run a JavaScript module; return what it prints."""
        return self._finish(["node", "--input-type=module"], self.staged(source))

    def _finish(self, command: list[str], given: str) -> list[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=60,
        )
        return self.shown(done.stdout)

    def _begin(self, command: str) -> None:
        started = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._running.append(started)
        given = re.search(r"--port (\d+)", command)
        port = int(given[1] if given else self.port)
        while started.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"{command!r} ended with {started.returncode}")

    def close(self) -> None:
        """End what still runs."""
        for started in self._running:
            started.terminate()
            started.wait()


def examples(lines: Sequence[str], stage: Stage) -> Iterator[Example]:
    """Run what a page's lines say on a stage; yield what it shows and what it did."""
    namespace: dict[str, Any] = {"__name__": "page"}
    found = list(blocks(lines))
    with contextlib.chdir(stage.folder), contextlib.closing(stage):
        for index, block in enumerate(found):
            match block.info:
                case "console":
                    yield from session(block, stage)
                    continue
                case "python":
                    printed = run(block, namespace, stage)
                case "js":
                    printed = stage.node("\n".join(block.lines))
                case _:
                    continue
            after = found[index + 1 : index + 2]
            if after and is_output(after[0], block, lines):
                (output,) = after
                yield Example(slice(output.first, output.end), output.lines, printed)
            else:
                yield Example(slice(block.end, block.end), [], printed)


def is_output(block: Block, of: Block, lines: Sequence[str]) -> bool:
    between = lines[of.end + 1 : block.first - 1]
    return block.info in ("text", "json") and not any(between)


def run(block: Block, namespace: dict[str, Any], stage: Stage) -> list[str]:
    """Run Python; return the lines that it prints."""
    source = "\n" * block.first + stage.staged("\n".join(block.lines))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, "page.md", "exec"), namespace)
    return stage.shown(printed.getvalue())


def session(block: Block, stage: Stage) -> Iterator[Example]:
    """Run the commands of a console block, one after the other."""
    prompts = [i for i, line in enumerate(block.lines) if line.startswith("$ ")]
    assert prompts[:1] == [0], f"line {block.first + 1}: a console block begins with $"
    for start, stop in zip(prompts, [*prompts[1:], len(block.lines)], strict=True):
        command, *rest = block.lines[start:stop]
        typed = [command.removeprefix("$ ")]
        while rest and (rest[0] == ">" or rest[0].startswith("> ")):
            typed.append(rest.pop(0)[2:])
        first = block.first + stop - len(rest)
        printed = stage.shell("\n".join(typed))
        yield Example(slice(first, block.first + stop), rest, printed)


def require_what_it_runs(lines: Sequence[str]) -> None:
    """Skip a page for want of a program that it runs."""
    text = "\n".join(lines)
    if "```js" in text:
        packages = re.findall(r'from "([\w-]+)"', text)
        for package in packages:
            require(f"the npm package {package}", has_node_package(package))
        require("node", has_command("node"))
    if "$ curl" in text:
        require("curl", has_command("curl"))


@pytest.mark.parametrize("page", RUN_HERE, ids=name_of)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    require_what_it_runs(lines)
    for example in examples(lines, Stage(tmp_path)):
        if not example.is_so:
            assert example.happened == example.shown, f"{page}:{example.lines.start}"


def test_almost_every_block_is_run() -> None:
    left_out = unexecuted(RUN_HERE)

    assert left_out.keys() <= UNEXECUTED.keys(), left_out
    assert all(count <= UNEXECUTED[info] for info, count in left_out.items()), left_out


def unexecuted(pages: Iterable[Path]) -> Counter[str]:
    """Count the blocks of pages that nobody runs, by kind."""
    left_out = Counter[str]()
    for page in pages:
        lines = page.read_text(encoding="utf-8").splitlines()
        previous = None
        for block in blocks(lines):
            shown = previous is not None and is_output(block, previous, lines)
            if block.info not in ("python", "js", "console") and not shown:
                left_out[block.info] += 1
            previous = block if block.info in ("python", "js") else None
    return left_out


# --- links --------------------------------------------------------------------------

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"],
    ids=name_of,
)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in LINK.findall(text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_every_page_is_reached_from_the_index(page: Path) -> None:
    index = DOCS / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in LINK.findall(index.read_text(encoding="utf-8"))
    }
    assert page == index or page in linked


# --- the events, generated from their models ----------------------------------------

GENERATED = (
    "<!-- Generated by python -m tests.test_docs; change the models instead. -->"
)

KINDS: Mapping[str, str] = {
    events.SLUG_PATTERN: "slug",
    events.ID_PATTERN: "event id",
}


def events_reference() -> str:
    """Return what reference/events.md says after its mark: every type and field."""
    parts = [GENERATED]
    for kind in get_args(get_args(events.AnyEvent)[0]):
        described = re.sub(r"``(.+?)``", r"`\1`", kind.__doc__).strip()
        paragraphs = [" ".join(part.split()) for part in described.split("\n\n")]
        rows = [
            f"| `{name}` | {kind_of(field)} | {default_of(kind, name)} |"
            for name, field in kind.model_json_schema()["properties"].items()
            if name not in ("type", "id", "recorder")
        ]
        header = ["| field | kind | |", "|--|--|--|"]
        parts += [f"### {kind.__name__}", *paragraphs, "\n".join([*header, *rows])]
    return "\n\n".join(parts) + "\n"


def kind_of(field: dict[str, Any]) -> str:
    """Say in words what a field of a JSON schema takes."""
    if "$ref" in field:
        word = field["$ref"].rpartition("/")[2]
        return " · ".join(f"`{value}`" for value in enum_named(word))
    if "anyOf" in field:
        kinds = [kind for kind in field["anyOf"] if kind.get("type") != "null"]
        return ", or ".join(kind_of(kind) for kind in kinds)
    match field["type"]:
        case "array":
            least = "not empty, " if field.get("minItems") else ""
            return f"list of {kind_of(field['items'])}s ({least}≤ {field['maxItems']})"
        case "integer":
            return f"integer {field['minimum']}–{field['maximum']}"
        case "string" if field.get("pattern") in KINDS:
            return KINDS[field["pattern"]]
        case "string" if "maxLength" in field:
            return f"text ≤ {field['maxLength']:,}"
        case "string" if "pattern" in field:
            return f"`{field['pattern'].strip('^$')}`"
        case "string":
            return "date"
    raise AssertionError(f"no words for {field}")


def enum_named(word: str) -> list[str]:
    found: type[StrEnum] = getattr(events, word)
    return [member.value for member in found]


def default_of(kind: type[events.Event], name: str) -> str:
    field = kind.model_fields[name]
    if field.is_required():
        return "required"
    if isinstance(field.default, StrEnum):
        return f"default `{field.default.value}`"
    return f"default `{field.default}`" if field.default else ""


def test_the_page_of_events_is_what_the_models_say() -> None:
    page = (REFERENCE / "events.md").read_text(encoding="utf-8")

    assert GENERATED + page.partition(GENERATED)[2] == events_reference()


def test_the_page_of_events_says_what_each_field_is() -> None:
    page = (REFERENCE / "events.md").read_text(encoding="utf-8")
    named = column(page.partition(GENERATED)[0], 0)
    fields = {
        name
        for kind in get_args(get_args(events.AnyEvent)[0])
        for name in kind.model_fields
    }

    assert fields <= named, fields - named


# --- tables that name what there is -------------------------------------------------


def rows_of(page: str) -> list[list[str]]:
    """Return the cells of a page's table rows."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def column(page: str, index: int) -> set[str]:
    """Return the names in backquotes in one column of a page's tables."""
    return {
        name
        for row in rows_of(page)
        if len(row) > index
        for name in re.findall(r"`([^`]+)`", row[index])
    }


STOPS = re.compile(r'(?:Stopped|_tell)\(\s*"(\w+)"(?: if \w+ else "(\w+)")?')
"""Where the command line ends with a code of its own, or with one of two."""


def every_error(
    base: type[errors.DatelineError],
) -> Iterator[type[errors.DatelineError]]:
    yield base
    for derived in base.__subclasses__():
        if derived.__module__.startswith("dateline."):
            yield from every_error(derived)


def test_the_page_of_errors_names_every_code_with_its_exit_status() -> None:
    for module in pkgutil.walk_packages(dateline.__path__, "dateline."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    raised = {
        error.code: "1" if error.fault else "2"
        for error in every_error(errors.DatelineError)
    }
    command_line = set[str]()
    for path in (ROOT / "dateline" / "cli").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for codes in STOPS.findall(source):
            command_line.update(filter(None, codes))
    rows = rows_of((REFERENCE / "errors.md").read_text(encoding="utf-8"))
    named = {row[0].strip("`"): row[1] for row in rows if row[0].startswith("`")}

    assert command_line
    assert named.keys() == raised.keys() | command_line
    assert named.items() >= raised.items()


def test_the_page_of_the_command_line_names_every_option() -> None:
    page = (REFERENCE / "command-line.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", page, re.S | re.M))
    group: Any = typer.main.get_command(app)
    commands: Mapping[str, Any] = group.commands

    assert sections.keys() == commands.keys()
    for name, command in commands.items():
        within: Mapping[str, Any] = getattr(command, "commands", {})
        for parameter in (
            *command.params,
            *(one for inner in within.values() for one in inner.params),
        ):
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("-"):
                    assert re.search(rf"{option}(?![\w-])", sections[name]), option


def test_the_page_of_python_names_everything_public() -> None:
    page = (REFERENCE / "python.md").read_text(encoding="utf-8")
    named = {name.partition("(")[0] for name in column(page, 0)}
    methods = {
        f"Ledger.{name}"
        for name in vars(dateline.Ledger)
        if not name.startswith("_") and name != "recording"
    }

    assert named >= set(dateline.__all__) | methods
    assert {n for n in named if "." not in n} <= set(dateline.__all__)


LIMITS: Mapping[str, int] = {
    "text": events.TEXT_LIMIT,
    "quote": events.QUOTE_LIMIT,
    "name": events.NAME_LIMIT,
    "url": events.URL_LIMIT,
    "word": events.WORD_LIMIT,
    "list": events.LIST_LIMIT,
    "batch": ledger.BATCH_LIMIT,
    "line": jsonl.LINE_LIMIT,
    "position to keep": jsonl.POSITION_LIMIT,
    "wait for the lock": ledger.LOCK_TIMEOUT_SECONDS,
    "recordings that wait": committing.MOST_COMMANDS,
}


def test_the_page_of_limits_has_the_limits_of_the_code() -> None:
    rows = rows_of((REFERENCE / "limits.md").read_text(encoding="utf-8"))
    stated = {row[0]: row[1] for row in rows}

    for name, limit in LIMITS.items():
        assert re.search(rf"(?<![\d,]){limit:,}(?![\d,])", stated[name]), name


def test_the_page_of_storage_has_the_marks_of_the_file() -> None:
    page = (REFERENCE / "storage.md").read_text(encoding="utf-8")

    assert f"0x{schema.APPLICATION_ID:08X}" in page
    assert f"`user_version` {len(schema.MIGRATIONS)}" in page


def test_the_map_names_every_module() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    modules = {
        name_of(path)
        for folder in (
            *("domain", "projections", "projections/sqlite", "projections/postgres"),
            *("projections/jetstream", "dateline", "dateline/cli"),
            *("dateline/client", "api", "api/rest", "api/graphql", "api/page"),
            "api/page/pictures",
        )
        for path in (ROOT / folder).glob("*.py")
        if path.name != "__init__.py"
    }

    assert {name for name in column(page, 0) if name.endswith(".py")} == modules | {
        "dateline/__init__.py"
    }


# --- writing the pages anew ---------------------------------------------------------


def rewrite(say: Callable[[str], object] = print) -> None:
    """Write outputs that leave nothing out, and what is generated, from the code."""
    page = REFERENCE / "events.md"
    head = page.read_text(encoding="utf-8").partition(GENERATED)[0]
    page.write_text(head + events_reference(), encoding="utf-8")
    for page in RUN_HERE:
        lines = page.read_text(encoding="utf-8").splitlines()
        with tempfile.TemporaryDirectory() as folder:
            found = list(examples(lines, Stage(Path(folder))))
        for example in reversed(found):
            if example.is_so:
                continue
            place = f"{name_of(page)}:{example.lines.start}"
            if any(ANYTHING in line for line in example.shown):
                say(f"{place}: leaves something out; mend it by hand")
            else:
                lines[example.lines] = example.happened
                say(f"{place}: rewritten")
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    rewrite()
