"""One request for a view: what it asks for, at which points, and where its links lead.

Every view is a URL that pins both points. A request that leaves one of them out, or
gives record time as a moment, is sent on to the URL that pins it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from dateline.api.access import Caller, Scope
from dateline.domain.rule import Policy
from dateline.ledger import DEFAULT_POLICY, parse_policy

CARRIED = {"on": "to", "recorded_by": "to_recorded_by", "policy": "policy"}
"""What links to other views carry along, each with what a comparison calls it."""


@dataclass(frozen=True)
class Visit:
    """A request for a view.

    Attributes:
        origin: the scheme and host that the server was asked by.
        root: the path that the application is mounted at.
        path: of the view, below the root.
        names: what the path names, by parameter.
        given: the query, without what is empty.
    """

    origin: str
    root: str
    path: str
    names: Mapping[str, str]
    given: Mapping[str, str]
    caller: Caller

    @property
    def policy(self) -> Policy:
        """The policy that is asked under.

        Raises:
            InvalidPolicy: it is none.
        """
        text = self.given.get("policy")
        return DEFAULT_POLICY if text is None else parse_policy(text)

    @property
    def carried(self) -> dict[str, str]:
        """The parameters that links to other views carry along."""
        found = {
            name: self.given.get(name, self.given.get(compared))
            for name, compared in CARRIED.items()
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def may_record(self) -> bool:
        """Whether the caller may record."""
        order = list(Scope)
        return order.index(self.caller.scope) >= order.index(Scope.RECORD)

    def at(self, **changed: object) -> "Visit":
        """Return this visit with other parameters; None takes one out."""
        given = {**self.given, **changed}
        kept = {name: str(one) for name, one in given.items() if one is not None}
        return replace(self, given=kept)

    def here(self, **changed: object) -> str:
        """Return the URL of this view with other parameters; None takes one out."""
        return self._url(self.path, self.at(**changed).given)

    def to(self, *path: str, **added: object) -> str:
        """Return the URL of another view at the same points.

        Args:
            path: its segments, such as ``"claims", "troops"``.
            added: parameters; None takes one out that would be carried along.
        """
        given = self.carried
        given |= {name: str(one) for name, one in added.items() if one is not None}
        for name, one in added.items():
            if one is None:
                given.pop(name, None)
        segments = "/".join(quote(segment, safe="") for segment in path)
        return self._url(f"/{segments}", given)

    def asset(self, name: str) -> str:
        """Return the URL of a file that pages need."""
        return f"{quote(self.root)}/assets/{name}"

    def _url(self, path: str, given: Mapping[str, str]) -> str:
        query = urlencode(given)
        url = quote(self.root) + path
        return f"{url}?{query}" if query else url
