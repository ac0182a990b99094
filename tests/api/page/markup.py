"""Pages read without a browser: their elements, by tag and attributes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset(("br", "hr", "img", "input", "link", "meta", "source", "wbr"))


@dataclass
class Element:
    """An element with what is in it, in order."""

    tag: str
    attributes: dict[str, str]
    content: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a reader sees of it, each stretch of white space as one blank."""
        parts = (one if isinstance(one, str) else one.text for one in self.content)
        return " ".join("".join(parts).split())

    def every(self, tag: str, /, **attributes: str) -> list["Element"]:
        """Return the elements within that have these attributes; ``class_`` is one
        of the classes."""
        return [one for one in self._within() if one._is(tag, attributes)]

    def one(self, tag: str, /, **attributes: str) -> "Element":
        """Return the only such element."""
        found = self.every(tag, **attributes)
        assert len(found) == 1, (tag, attributes, [one.text for one in found])
        return found[0]

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def _within(self) -> Iterator["Element"]:
        for one in self.content:
            if isinstance(one, Element):
                yield one
                yield from one._within()

    def _is(self, tag: str, attributes: dict[str, str]) -> bool:
        return tag == self.tag and all(
            value in self.attributes.get("class", "").split()
            if name == "class_"
            else self.attributes.get(name) == value
            for name, value in attributes.items()
        )


class _Reader(HTMLParser):
    """Builds the tree; each element must be closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]], *, is_whole: bool = False
    ) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(element)
        if tag not in _VOID and not is_whole:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs, is_whole=True)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def read(html: str) -> Element:
    """Read a page; its labels and descriptions must name what is there, once."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, reader.open[-1]
    (root,) = reader.open
    ids = [one["id"] for one in root._within() if "id" in one.attributes]
    assert len(ids) == len(set(ids)), sorted(ids)
    for one in root._within():
        for name in ("for", "aria-describedby", "aria-labelledby", "list"):
            for id in one.attributes.get(name, "").split():
                assert id in ids, (name, id)
    return root


def fields(form: Element) -> dict[str, str]:
    """Return what a form sends as it stands, by name."""
    sent = {one["name"]: one.attributes.get("value", "") for one in form.every("input")}
    for one in form.every("textarea"):
        text = "".join(part for part in one.content if isinstance(part, str))
        sent[one["name"]] = text.removeprefix("\n")
    for one in form.every("select"):
        chosen = [x for x in one.every("option") if "selected" in x.attributes]
        chosen = chosen or one.every("option")[:1]
        sent[one["name"]] = chosen[0]["value"]
    return sent
