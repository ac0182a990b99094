"""The views, by path."""

from collections.abc import Sequence

from dateline.api.page import overview, topic
from dateline.api.page.views import View

VIEWS: Sequence[View] = (
    View("/topics", overview.show, overview.default_on),
    View("/topics/{topic}", topic.show, topic.default_on),
)
