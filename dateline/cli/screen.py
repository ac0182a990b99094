"""A screen for people: tables and colours on a terminal, plain lines when piped.

All texts may come from anybody. They are never read as markup, and no character in
them reaches a terminal that could drive it.
"""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dateline.cli import output
from dateline.domain.rule import Status
from dateline.words import readable

Part = str | Text | tuple[str, str]
"""A piece of a line: plain, or with a style."""

_LOOKS = {
    Status.CONFIRMED: ("✔", "bold green"),
    Status.CORROBORATED: ("◆", "green"),
    Status.ASSERTED: ("●", "cyan"),
    Status.FLOATED: ("○", "blue"),
    Status.RAISED: ("?", "yellow"),
    Status.DISPUTED: ("≠", "bold magenta"),
    Status.DENIED: ("✗", "red"),
    Status.REFUTED: ("✘", "bold red"),
    Status.WITHDRAWN: ("↩", "dim"),
    Status.UNREPORTED: ("·", "dim"),
    "open": ("○", "yellow"),
    "fulfilled": ("✔", "green"),
    "lapsed": ("✗", "red"),
}
_WIDEST_PADDED = 60
_LONG = 30
_WIDE = 110


def stacked(*lines: Text) -> Text:
    """Join lines into one cell."""
    return Text("\n").join(line for line in lines if line.plain)


def styled(*parts: Part, style: str = "") -> Text:
    """Join pieces into one line without control characters."""
    joined = Text(style=style)
    for part in parts:
        if isinstance(part, Text):
            joined.append_text(part)
        elif isinstance(part, tuple):
            joined.append(readable(part[0]), part[1])
        else:
            joined.append(readable(part))
    return joined


class Screen:
    """Standard output, as lines, hanging entries and tables."""

    def __init__(self) -> None:
        self._console = Console(
            file=sys.stdout, markup=False, emoji=False, highlight=False
        )
        self.is_terminal = self._console.is_terminal
        self._has_glyphs = self.is_terminal and not self._console.options.ascii_only

    @property
    def is_wide(self) -> bool:
        """Whether a column for each list of a tally finds room."""
        return not self.is_terminal or self._console.width >= _WIDE

    def state(self, word: str, count: int | None = None) -> Text:
        """Return a status (or the state of an expectation): glyph, count, word."""
        glyph, style = _LOOKS[word]
        counted = word if count is None else f"{count:,} {word}"
        return Text(f"{glyph} {counted}" if self._has_glyphs else counted, style)

    def arrow(self) -> str:
        """Return what stands between before and after."""
        return "→" if self._has_glyphs else "->"

    def line(self, *parts: Part, style: str = "", indent: int = 0) -> None:
        """Print a line; a terminal wraps it at words."""
        text = styled(*parts, style=style)
        if self.is_terminal:
            self._render(Padding(text, (0, 0, 0, indent), expand=False))
        else:
            self._plain(" " * indent + text.plain)

    def entry(self, label: Part, *parts: Part, indent: int, width: int) -> None:
        """Print a label and a text that hangs beside it."""
        name, text = styled(label), styled(*parts)
        if self.is_terminal:
            grid = Table.grid(padding=0)
            grid.add_column(width=indent)
            grid.add_column(width=width, overflow="fold")
            grid.add_column(overflow="fold")
            grid.add_row("", name, text)
            self._render(grid)
        else:
            padding = " " * max(1, width - cell_len(name.plain))
            self._plain(f"{' ' * indent}{name.plain}{padding}{text.plain}")

    def heading(self, text: str) -> None:
        """Print the head of a part, after a blank line."""
        self.line()
        if self.is_terminal:
            title = styled((text, "bold"))
            self._render(Rule(title, align="left", style="dim"))
        else:
            self._plain(readable(text))

    def table(
        self,
        headings: Sequence[str],
        rows: Iterable[Sequence[Part]],
        *,
        is_broad: bool = False,
    ) -> None:
        """Print rows; a terminal leaves out columns in which there is nothing.

        Args:
            is_broad: where there is little room, each row is printed as a list.
        """
        cells = [[styled(part) for part in row] for row in rows]
        if not self.is_terminal:
            self.line()
            head = [Text(heading.upper()) for heading in headings]
            for row in _padded([head, *cells]):
                self._plain(row)
        elif is_broad and not self.is_wide:
            for first, *rest in cells:
                self.line()
                self.line(first)
                for heading, cell in zip(headings[1:], rest, strict=True):
                    if cell.plain:
                        self.entry((heading, "dim"), cell, indent=2, width=16)
        else:
            self._render(_table(headings, cells))

    def _render(self, content: RenderableType) -> None:
        with self._console.capture() as capture:
            self._console.print(content)
        output.say(capture.get().removesuffix("\n"))

    def _plain(self, line: str) -> None:
        output.say(line.rstrip())


def _table(headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> Table:
    longest = max(len(cell.plain) for row in rows for cell in row)
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="dim",
        leading=int(longest > _LONG),
    )
    filled = [any(row[i].plain for row in rows) for i in range(len(headings))]
    for heading, is_filled in zip(headings, filled, strict=True):
        if is_filled:
            table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(cell for cell, shown in zip(row, filled, strict=True) if shown))
    return table


def _padded(rows: Sequence[Sequence[Text]]) -> Iterable[str]:
    """Align columns; the last one, and what is very wide, is not padded for."""
    widths = [
        min(_WIDEST_PADDED, max(cell_len(row[i].plain) for row in rows))
        for i in range(len(rows[0]))
    ]
    for row in rows:
        yield "  ".join(
            (cell.plain or "-") + " " * (width - cell_len(cell.plain or "-"))
            for cell, width in zip(row, widths, strict=True)
        )
