"""What a view is: a question at both points, and the forms in which it is shown.

A view is a function of a ledger, so that a replica can be asked in its place. Pages,
CSV, JSON and pictures come from the same values.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from dateline.api.page.kept import Kept
from dateline.api.page.rendering import render
from dateline.api.page.visit import Visit
from dateline.domain.rule import Policy
from dateline.ledger import Ledger
from dateline.names import Names

HTML, CSV, JSON, SVG = "html", "csv", "json", "svg"

MEDIA_TYPES = {
    HTML: "text/html",
    CSV: "text/csv",
    JSON: "application/json",
    SVG: "image/svg+xml",
}
"""The forms of a view, by the parameter ``format``."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Scene:
    """A ledger at both points, as a view looks at it.

    Attributes:
        on, position: the points, pinned.
        recorded_at: when the position was given; nothing before the opening.
        hash: of the event at the position.
        head: where the ledger ends now.
        kept: answers at fixed positions, which never change.
    """

    ledger: Ledger
    visit: Visit
    on: str
    position: int
    recorded_at: datetime | None
    hash: str
    head: int
    kept: Kept
    policy: Policy
    names: Names

    @property
    def is_at_head(self) -> bool:
        return self.position == self.head


@dataclass(frozen=True)
class Shown:
    """What a view shows.

    Attributes:
        title: of the page.
        name: of its files, without the ending; a slug or two.
        template: of the page, below templates/.
        values: what the template is filled with.
        data: what the page shows as JSON: answers of the contract, by name.
        rows: the same as a table, for CSV.
        picture: the template of the picture that stands for the view, if it has one.
    """

    title: str
    name: str
    template: str
    values: Mapping[str, Any]
    data: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] = ()
    picture: str | None = None


@dataclass(frozen=True)
class View:
    """A kind of page.

    Attributes:
        path: a route below the root.
        show: answers at the points of a scene.
        default_on: the point of public time of those who name none.
        points: the parameters that pin it: public time, record time.
    """

    path: str
    show: Callable[[Scene], Shown]
    default_on: Callable[[Ledger, Visit, int, Kept], str]
    points: Sequence[tuple[str, str]] = field(default=(("on", "recorded_by"),))


def written(scene: Scene, shown: Shown, form: str) -> bytes:
    """Return what is shown, in one of its forms."""
    if form == JSON:
        return orjson.dumps(shown.data, option=orjson.OPT_INDENT_2)
    if form == CSV:
        return _table(shown.rows)
    values = {**shown.values, **_around(scene, shown)}
    template = shown.picture if form == SVG else shown.template
    assert template is not None
    return render(scene.ledger.timezone, template, values).encode()


def forms_of(shown: Shown) -> list[str]:
    """Return the forms that something can be had in."""
    return [HTML, JSON, CSV] + [SVG] * (shown.picture is not None)


def _around(scene: Scene, shown: Shown) -> dict[str, Any]:
    return {
        "scene": scene,
        "visit": scene.visit,
        "names": scene.names,
        "title": shown.title,
        "forms": forms_of(shown)[1:],
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rows as CSV (RFC 4180), with a mark by which spreadsheets know UTF-8."""
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {name: _cell(value) for name, value in row.items()} for row in rows
        )
    return b"\xef\xbb\xbf" + file.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return value
