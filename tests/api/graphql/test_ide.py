"""The page for browsers: whole, from this server alone, and only if it is wanted."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from dateline import Ledger
from dateline.api import keys
from tests.api.graphql.asking import PATH, asking

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_browsers_get_a_page_that_needs_nothing_else(ledger: Ledger) -> None:
    with asking(ledger, ide=True) as graphql:
        response = graphql.client.get(PATH, headers={"accept": BROWSER})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    text = response.text
    markup = re.sub(r"(?s)<(script|style)>.*?</\1>", "", text)
    assert not [word for word in ("src=", "href=", "{{") if word in markup]
    assert "sourceMappingURL" not in text
    scripts = re.findall(r"(?s)<script>(.*?)</script>", text)
    assert len(scripts) == 4
    policy = response.headers["content-security-policy"]
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    assert allowed == [
        b64encode(sha256(script.encode()).digest()).decode() for script in scripts
    ]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy and "unsafe-eval" not in policy


def test_programs_are_answered_as_ever(ledger: Ledger) -> None:
    with asking(ledger, ide=True) as graphql:
        for accept in ("*/*", "application/json", "application/json, text/html"):
            response = graphql.client.get(PATH, headers={"accept": accept})
            assert response.status_code == 400
        response = graphql.client.get(
            PATH, headers={"accept": BROWSER}, params={"query": "{ __typename }"}
        )
        assert response.json()["data"] == {"__typename": "Query"}


def test_the_page_asks_for_the_key_itself(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.add(path, "read")
    with asking(ledger, ide=True, keys=path) as graphql:
        page = graphql.client.get(PATH, headers={"accept": BROWSER})
        assert page.status_code == 200
        assert graphql.post({"query": "{ __typename }"}).status_code == 401
