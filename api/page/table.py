"""The views, by path."""

from collections.abc import Sequence

from dateline.api.page import claim, compare, days, overview, search, sources, topic
from dateline.api.page.views import View

VIEWS: Sequence[View] = (
    View("/topics", overview.show, days.default_on),
    View("/topics/{topic}", topic.show, topic.default_on),
    View("/claims/{claim}", claim.show, claim.default_on),
    View("/sources", sources.show_all, days.default_on),
    View("/sources/{source}", sources.show, sources.default_on),
    View("/compare", compare.show, compare.default_on, compare.POINTS),
    View("/search", search.show, days.default_on),
)
