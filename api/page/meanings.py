"""What the words of the contract mean to those who look at a page."""

from dateline.domain.rule import Flag, Status

STATUSES: dict[Status, str] = {
    Status.DISPUTED: "some are for, some against; or verified both ways",
    Status.CONFIRMED: "verified by a source that checked",
    Status.REFUTED: "verified to be untrue by a source that checked",
    Status.DENIED: "only denials",
    Status.CORROBORATED: "asserted, on two independent origins or more",
    Status.ASSERTED: "asserted plainly, and not on two independent origins",
    Status.FLOATED: "only hedged, conditional or implicit assertions",
    Status.WITHDRAWN: "whoever took a side has taken it back",
    Status.RAISED: "spoken of, but nobody takes a side",
    Status.UNREPORTED: "nothing had been said",
}
"""Each status, in the order of a page: what calls for attention comes first."""

FLAGS: dict[Flag, str] = {
    Flag.CONTESTED: "verified, and yet somebody takes the other side",
    Flag.SINGLE_ORIGIN: "verified on one origin only",
    Flag.TENTATIVE: "denied without a plain denial",
    Flag.ORDER_UNSURE: "which of a source's statements is the later is not sure",
    Flag.CIRCULAR: "sources rest on one another",
    Flag.BASIS_WITHDRAWN: "what somebody rests on no longer stands",
    Flag.WALKED_BACK: "some source has left the side it took",
    Flag.CONTRADICTED: "a contradicting claim holds at the same time",
}

COLOURS: dict[Status, str] = {
    Status.DISPUTED: "#8a3ab0",
    Status.CONFIRMED: "#1a7a3c",
    Status.REFUTED: "#b3261e",
    Status.DENIED: "#cf5b56",
    Status.CORROBORATED: "#0b7285",
    Status.ASSERTED: "#2b5fad",
    Status.FLOATED: "#7d8ca3",
    Status.WITHDRAWN: "#8a8f98",
    Status.RAISED: "#b8860b",
    Status.UNREPORTED: "#b9bec6",
}
"""What statuses are drawn in where no style sheet goes along: in pictures."""


def named(word: str) -> str:
    """Return a word of the contract as it is written in a sentence."""
    return word.replace("_", " ")
