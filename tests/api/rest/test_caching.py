"""What caches may keep, for how long, and when they are told that it is still so."""

import asyncio
import threading
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import Settings, create_app, keys
from dateline.api.rest.heads import Heads
from dateline.api.rest.kept import KeptAnswers
from dateline.points import RecordPoint
from tests.api.rest.asking import NDJSON, Rest, asking
from tests.builders import Clock, asserted, opened

KNOWLEDGE = "/v1/knowledge?on=2024-10-22"
FOREVER = "public, max-age=31536000, immutable"
PINNED = [
    "knowledge?on=2024-10-22&recorded_by=12",
    "claims/troops?on=2024-10-22&recorded_by=12",
    "claims/troops/timeline?recorded_by=12",
    "claims/troops/explanation?on=2024-10-22&recorded_by=12",
    "changes?from=2024-10-20&from_recorded_by=12&to=2024-10-22&to_recorded_by=14",
    "sources?recorded_by=12",
    "sources/seoul?recorded_by=12",
    "sources/seoul/positions?on=2024-10-22&recorded_by=12",
    "topics?recorded_by=12",
    "topics/weapons?recorded_by=12",
    "documents/article?recorded_by=12",
    "expectations?on=2024-10-22&recorded_by=15",
]


@pytest.mark.parametrize("path", PINNED)
def test_an_answer_at_a_position_is_for_ever(
    story: Ledger, rest: Rest, path: str
) -> None:
    response = rest.get(f"/v1/{path}")

    assert response.status_code == 200
    assert response.headers["cache-control"] == FOREVER
    assert "content-location" not in response.headers
    held = response.headers["etag"]
    again = rest.get(f"/v1/{path}", {"If-None-Match": held})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("etag", "cache-control"):
        assert again.headers[name] == response.headers[name]
    varies = response.headers["vary"].split(", ")
    assert {"Accept", *varies} <= set(again.headers["vary"].split(", "))
    assert "content-type" not in again.headers


@pytest.mark.parametrize("path", PINNED)
def test_an_answer_at_the_head_names_where_it_stays(
    story: Ledger, rest: Rest, path: str
) -> None:
    asked, _, query = path.partition("?")
    kept = [one for one in query.split("&") if "recorded_by" not in one]
    url = f"/v1/{asked}?{'&'.join(kept)}"
    response = rest.get(url)

    assert response.headers["cache-control"] == "no-cache"
    stays = response.headers["content-location"]
    count = 2 if asked == "changes" else 1
    assert stays.count(f"recorded_by={story.position}") == count
    story.record(opened("grain"), asserted("shells", by="nato", said_at="2024-10-22"))
    pinned = rest.get(stays)
    assert pinned.content == response.content
    assert pinned.headers["etag"] == response.headers["etag"]
    assert pinned.headers["cache-control"] == FOREVER


def test_the_tag_at_the_head_changes_with_the_head(story: Ledger, rest: Rest) -> None:
    before = rest.get(KNOWLEDGE).headers["etag"]
    assert rest.get(KNOWLEDGE, {"If-None-Match": before}).status_code == 304
    story.record(opened("grain"))
    after = rest.get(KNOWLEDGE, {"If-None-Match": before})
    assert after.status_code == 200
    assert after.headers["etag"] != before


@pytest.mark.parametrize(
    "held, status",
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"another", {tag}', 304),
        ('"another",{tag} , W/"third"', 304),
        ("*", 304),
        ('"another"', 200),
        ("", 200),
        ("nonsense", 200),
    ],
)
def test_a_caller_names_what_it_holds(
    story: Ledger, rest: Rest, held: str, status: int
) -> None:
    for url in (KNOWLEDGE, f"{KNOWLEDGE}&recorded_by=12", "/v1/ledger", "/v1/events"):
        tag = rest.get(url).headers["etag"]
        response = rest.get(url, {"If-None-Match": held.format(tag=tag)})
        assert response.status_code == status, url
        if held != "*":
            assert response.headers["etag"] == tag


def test_whoever_holds_anything_is_still_told_of_an_error(
    story: Ledger, rest: Rest
) -> None:
    url = "/v1/claims/tanks?on=2024-10-22"
    for at in ("", "&recorded_by=12"):
        assert rest.get(url + at, {"If-None-Match": "*"}).status_code == 404


def test_tags_tell_questions_positions_and_ledgers_apart(
    story: Ledger, rest: Rest
) -> None:
    urls = [
        *(f"/v1/{path}" for path in PINNED),
        "/v1/knowledge?on=2024-10-22&recorded_by=11",
        "/v1/knowledge?on=2024-10-21&recorded_by=12",
        "/v1/knowledge?on=2024-10-22&recorded_by=12&first=1",
        "/v1/knowledge?on=2024-10-22&recorded_by=12&topic=weapons",
        "/v1/knowledge?on=2024-10-22&recorded_by=12&status=asserted",
        '/v1/knowledge?on=2024-10-22&recorded_by=12&policy={"confirmations":2}',
        "/v1/claims/shells?on=2024-10-22&recorded_by=12",
        "/v1/sources/nato?recorded_by=12",
    ]
    tags = [rest.get(url).headers["etag"] for url in urls]
    assert len(set(tags)) == len(tags)


def test_the_same_question_in_other_words_has_the_same_tag(
    story: Ledger, rest: Rest
) -> None:
    tag = rest.get(f"{KNOWLEDGE}&recorded_by=12").headers["etag"]
    for more in (
        "&recorded_by=0012",
        "&recorded_by=12&at_least=3",
        "&recorded_by=12&first=50",
    ):
        assert rest.get(KNOWLEDGE + more).headers["etag"] == tag


def test_a_past_instant_is_fixed_only_up_to_the_head(
    story: Ledger, rest: Rest, clock: Clock
) -> None:
    """Between the head and the present a slow writer may still record something."""
    until_head = "&recorded_by=2024-11-01T12:00:00Z"
    clock.set("2024-11-03T12:00:00Z")
    assert rest.get(KNOWLEDGE + until_head).headers["cache-control"] == FOREVER
    day = "&recorded_by=2024-11-01"
    for beyond in ("&recorded_by=2024-11-02T12:00:00Z", "&recorded_by=2024-11-02", day):
        response = rest.get(KNOWLEDGE + beyond)
        assert response.headers["cache-control"] == "no-cache"
        assert f"recorded_by={story.position}" in response.headers["content-location"]
    story.record(opened("grain"))
    assert rest.get(KNOWLEDGE + day).headers["cache-control"] == FOREVER


def test_today_is_the_head(story: Ledger, rest: Rest, clock: Clock) -> None:
    response = rest.get(f"{KNOWLEDGE}&recorded_by={clock.today}")
    assert response.headers["cache-control"] == "no-cache"


def test_before_the_opening_is_fixed(story: Ledger, rest: Rest) -> None:
    response = rest.get(f"{KNOWLEDGE}&recorded_by=2024-10-01")
    assert response.json()["basis"]["position"] == 0
    assert response.headers["cache-control"] == FOREVER


@pytest.mark.parametrize("path", ["/v1/ledger", "/v1/events", "/v1/openapi.json"])
def test_what_has_no_position_is_asked_for_again(
    story: Ledger, rest: Rest, path: str
) -> None:
    response = rest.get(path)
    assert response.headers["cache-control"] == "no-cache"
    held = {"If-None-Match": response.headers["etag"]}
    assert rest.get(path, held).status_code == 304


def test_answers_depend_on_what_is_accepted(story: Ledger, rest: Rest) -> None:
    assert "Accept" in rest.get(KNOWLEDGE).headers["vary"].split(", ")
    lines = rest.get("/v1/events", {"Accept": NDJSON})
    assert "Accept" in lines.headers["vary"].split(", ")


def test_errors_are_not_kept(story: Ledger, rest: Rest) -> None:
    for path in ("/v1/knowledge", "/v1/claims/tanks?on=2024-10-22&recorded_by=3"):
        response = rest.get(path)
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_each_coding_has_a_tag_of_its_own(
    story: Ledger, rest: Rest, coding: str
) -> None:
    url = f"{KNOWLEDGE}&recorded_by=14"
    plain = rest.get(url, {"Accept-Encoding": "identity"})
    assert len(plain.content) > 1_024
    coded = rest.get(url, {"Accept-Encoding": coding})
    assert coded.headers["content-encoding"] == coding
    assert coded.content == plain.content
    assert coded.headers["etag"] != plain.headers["etag"]
    held = {"Accept-Encoding": coding, "If-None-Match": coded.headers["etag"]}
    again = rest.get(url, held)
    assert again.status_code == 304
    assert again.headers["etag"] == coded.headers["etag"]


def test_a_mounted_application_names_its_own_urls(story: Ledger) -> None:
    inner = create_app(story, Settings())
    outer = Starlette(routes=[Mount("/led gers/war", inner)])
    with TestClient(outer) as client:
        response = client.get("/led%20gers/war/v1/knowledge?on=2024-10-22&first=1")
        stays = response.headers["content-location"]
        assert stays.startswith("/led%20gers/war/v1/knowledge?")
        assert client.get(stays).content == response.content
        following = response.links["next"]["url"]
        assert following.startswith("/led%20gers/war/v1/knowledge?")
        assert client.get(following).status_code == 200
        document = client.get("/led%20gers/war/v1/openapi.json").json()
        assert document["servers"] == [{"url": "/led%20gers/war"}]


def test_what_is_kept_is_bounded() -> None:
    kept = KeptAnswers(most_bytes=80)
    for number in range(20):
        kept.put(str(number), bytes([number]) * 10)
        kept.put("often", b"0123456789")
        assert kept.get("often") is not None
    assert kept.get("0") is None
    assert kept.get("19") == bytes([19]) * 10
    kept.put("large", b"x" * 11)
    assert kept.get("large") is None


def test_keys_make_answers_private(story: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    _, token = keys.add(path, "read", "desk")
    with asking(story, keys=path) as rest:
        bearer = {"Authorization": f"Bearer {token}"}
        pinned = rest.get(f"{KNOWLEDGE}&recorded_by=12", bearer)
        head = rest.get(KNOWLEDGE, bearer)
    assert pinned.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert head.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in head.headers["vary"]


def test_the_head_is_looked_up_once_for_all_who_wait(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never before they asked: what was recorded until then is in the answer."""
    services = create_app(story, Settings()).state.services
    looked_up = []
    resolve = Ledger.resolve

    def slowly(ledger: Ledger) -> RecordPoint:
        found = resolve(ledger)
        looked_up.append(found.position)
        is_looked_up.set()
        may_go_on.wait(30)
        return found

    monkeypatch.setattr(Ledger, "resolve", slowly)
    is_looked_up, may_go_on = threading.Event(), threading.Event()

    async def ask() -> list[int]:
        heads = Heads(services, lambda: None)
        early = asyncio.ensure_future(heads.now())
        await asyncio.to_thread(is_looked_up.wait, 30)
        await asyncio.to_thread(story.record, opened("grain"))
        late = [asyncio.ensure_future(heads.now()) for _ in range(20)]
        await asyncio.sleep(0)
        may_go_on.set()
        return [(await one).position for one in (early, *late)]

    before = story.position
    assert asyncio.run(ask()) == [before] + [before + 1] * 20
    assert looked_up == [before, before + 1]


def test_whoever_stops_waiting_for_the_head_leaves_it_to_the_others(
    story: Ledger,
) -> None:
    services = create_app(story, Settings()).state.services

    async def ask() -> int:
        heads = Heads(services, lambda: None)
        gone, staying = (asyncio.ensure_future(heads.now()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        return (await staying).position

    assert asyncio.run(ask()) == story.position
