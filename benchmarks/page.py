"""How soon the day view of 200 claims is seen, beside the same bytes from memory.

The same Chromium opens both in turn, each time with an empty cache: the page as it is
served, and a server that sends what it was sent, headers and all, and asks nothing.
"""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
import orjson
from playwright.sync_api import Browser, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import dateline
from benchmarks.report import Figure
from benchmarks.rest import run, serve, serving
from benchmarks.workloads import CLAIMS_OF_A_TOPIC, Ledgers, Shape, clock, topic_of

CHROMIUM = shutil.which("chromium")
ROUNDS = 11

_KEPT = "content-type", "content-encoding", "content-security-policy", "cache-control"
_PAINTED = """
() => new Promise((done) => {
  const tell = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (!paint) return requestAnimationFrame(tell);
    const [page] = performance.getEntriesByType("navigation");
    const files = performance.getEntriesByType("resource").filter(
      (one) => !one.name.includes("/v1/"));
    done({
      paint: paint.startTime,
      page: page.transferSize,
      all: files.reduce((sum, one) => sum + one.transferSize, page.transferSize),
    });
  };
  tell();
})
"""


class Seen(NamedTuple):
    """When a page was first seen, in milliseconds, and what was sent for it."""

    paint_ms: float
    page_bytes: int
    all_bytes: int


def measure(ledgers: Ledgers, shape: Shape) -> Iterator[Figure]:
    """Open the day view again and again, and the same bytes from memory."""
    path = ledgers.ledger(shape)
    with dateline.open(path, clock=clock) as ledger:
        head, topic = ledger.position, topic_of(0)
        day = ledger.calendar(topic=topic).days[-1].day
    url = f"/topics/{topic}?on={day}&recorded_by={head}"
    with serving(serve, str(path)) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        sent = _captured(browser, port, url)
        with tempfile.NamedTemporaryFile() as file:
            file.write(orjson.dumps(sent))
            file.flush()
            with serving(serve_again, file.name) as beside:
                _seen(browser, port, url), _seen(browser, beside, url)
                rounds = [
                    (_seen(browser, port, url), _seen(browser, beside, url))
                    for _ in range(ROUNDS)
                ]
        browser.close()
    ours = median(one.paint_ms for one, _ in rounds)
    floor = median(one.paint_ms for _, one in rounds)
    seen = rounds[0][0]
    yield Figure(
        f"day view of {CLAIMS_OF_A_TOPIC} claims, first contentful paint",
        f"{ours / floor:.2f} of the same bytes from memory",
        f"{ours:.0f} ms; from memory {floor:.0f} ms",
    )
    yield Figure(
        f"day view of {CLAIMS_OF_A_TOPIC} claims, bytes sent, compressed",
        f"{seen.all_bytes / 1e3:.0f} kB",
        f"{seen.page_bytes / 1e3:.0f} kB of them the page, the rest once for all pages",
    )


def _seen(browser: Browser, port: int, url: str) -> Seen:
    context = browser.new_context(viewport={"width": 1_280, "height": 900})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}{url}", wait_until="load")
    found: dict[str, Any] = page.evaluate(_PAINTED)
    context.close()
    return Seen(found["paint"], found["page"], found["all"])


def _captured(browser: Browser, port: int, url: str) -> dict[str, dict[str, Any]]:
    """Return what is sent for a page, by path, as it goes over the wire."""
    context = browser.new_context()
    page = context.new_page()
    paths = {url}
    page.on("request", lambda request: paths.add(request.url.partition(str(port))[2]))
    page.goto(f"http://127.0.0.1:{port}{url}", wait_until="load")
    context.close()
    found = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for path in paths:
            if path.startswith("/v1/"):
                continue
            headers = {"Accept-Encoding": "gzip, deflate, br, zstd"}
            with client.stream("GET", path, headers=headers) as response:
                body = b"".join(response.iter_raw())
                kept = {
                    name: response.headers[name]
                    for name in _KEPT
                    if name in response.headers
                }
            found[path] = {"body": body.hex(), "headers": kept}
    return found


def serve_again(file: str, listening: socket.socket) -> None:
    """Serve what was captured."""
    sent = orjson.loads(Path(file).read_bytes())
    answers = {
        path: (bytes.fromhex(one["body"]), one["headers"]) for path, one in sent.items()
    }

    async def answer(request: Request) -> Response:
        query = request.url.query
        path = request.url.path + (f"?{query}" if query else "")
        if path not in answers:
            return Response(status_code=204)
        body, headers = answers[path]
        return Response(body, headers=headers)

    run(Starlette(routes=[Route("/{path:path}", answer)]), listening)
