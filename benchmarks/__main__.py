"""``python -m benchmarks``: measure everything in one run and print one table a part.

``--quick`` keeps to 10⁴ events, ``--large`` goes to 10⁶ and takes its time. Nothing
here decides whether a build passes: machines differ, and so do their neighbours.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psycopg
from rich.console import Console

from benchmarks import (
    append,
    asof,
    fanout,
    following,
    graphql,
    page,
    processes,
    rectangles,
    rest,
    upkeep,
)
from benchmarks.report import Figure, machine, show
from benchmarks.servers import POSTGRES, Postgres
from benchmarks.workloads import Ledgers, Shape

SHAPES = (Shape(2, 25), Shape(20, 25), Shape(200, 25))
"""10⁴, 10⁵ and 10⁶ events; the topic asked stays the same size."""


class Scale(NamedTuple):
    """How much is measured."""

    shapes: list[Shape]
    deep: list[Shape]
    points: int
    singles: int
    batches: int
    followed: int
    asked: int
    queried: int


QUICK = Scale(list(SHAPES[:1]), [Shape(1, 100, 12)], 200, 400, 4, 20, 600, 40)
USUAL = Scale(
    list(SHAPES[:2]),
    [Shape(1, 600, 12), Shape(1, 100, 30)],
    *(400, 2_000, 10, 100, 1_000, 200),
)
READERS = 1, 100, 1_000
ON_POSTGRES = "rectangles", "processes"
"""Parts of which nothing is left without it."""

LARGE = USUAL._replace(shapes=list(SHAPES))


def main() -> None:
    """Measure and print, one table a part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="10^4 events only")
    size.add_argument("--large", action="store_true", help="up to 10^6 events")
    parser.add_argument(
        "--only", choices=list(_parts(QUICK, Ledgers(Path()))), help="one part"
    )
    parser.add_argument(
        "--postgres", default=POSTGRES, metavar="URL", help="a database to measure on"
    )
    parser.add_argument("--directory", help="where the ledgers are made for the run")
    options = parser.parse_args()
    scale = QUICK if options.quick else LARGE if options.large else USUAL
    console = Console()
    console.print(machine(), highlight=False)
    with ExitStack() as stack:
        directory = stack.enter_context(
            tempfile.TemporaryDirectory(dir=options.directory)
        )
        postgres = _postgres(console, options.postgres)
        if postgres is not None:
            stack.enter_context(closing(postgres))
        for name, measure in _parts(scale, Ledgers(Path(directory), postgres)).items():
            if options.only not in (None, name):
                continue
            if name == "page" and page.CHROMIUM is None:
                console.print("[red]NOT MEASURED for want of chromium: page[/]")
            elif postgres is None and name in ON_POSTGRES:
                console.print(f"[red]NOT MEASURED for want of PostgreSQL: {name}[/]")
            else:
                show(console, name, measure())


def _postgres(console: Console, url: str) -> Postgres | None:
    """Reach the server, or say loudly that its figures will be missing."""
    try:
        postgres = Postgres(url)
    except psycopg.OperationalError as error:
        console.print(
            f"[red]NOT MEASURED: whatever is on PostgreSQL, which cannot be reached at "
            f"{url} (--postgres names another)[/]\n{error}"
        )
        return None
    console.print(f"PostgreSQL {postgres.version}", highlight=False)
    return postgres


def _parts(
    scale: Scale, ledgers: Ledgers
) -> Mapping[str, Callable[[], Iterable[Figure]]]:
    return {
        "append": partial(
            append.measure, ledgers, singles=scale.singles, batches=scale.batches
        ),
        "asof": partial(
            asof.measure, ledgers, scale.shapes, scale.deep, count=scale.points
        ),
        "rectangles": partial(
            rectangles.measure,
            ledgers,
            [*scale.shapes[:2], rectangles.DEEP],
            count=scale.points,
        ),
        "upkeep": partial(upkeep.measure, ledgers, scale.shapes),
        "following": partial(following.measure, ledgers, count=scale.followed),
        "rest": partial(rest.measure, ledgers, scale.shapes[0], count=scale.asked),
        "page": partial(page.measure, ledgers, scale.shapes[0]),
        "graphql": partial(graphql.measure, ledgers, count=scale.queried),
        "fanout": partial(
            fanout.measure, ledgers, readers=READERS, count=scale.followed
        ),
        "processes": partial(
            processes.measure, ledgers, count=scale.followed, written=scale.singles // 4
        ),
    }


if __name__ == "__main__":
    main()
