"""A real browser over a served ledger, watched while it is used."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.services import NODE_MODULES, require

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SERIOUS = ("serious", "critical")
_BARRIERS = """
async (serious) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations
    .filter((one) => serious.includes(one.impact))
    .flatMap((one) => one.nodes.map(
      (node) => `${one.id}: ${node.target} ${node.failureSummary}`));
}
"""
"""Only what is serious leaves the browser: all that axe-core finds is slow to bring."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium, without a screen."""
    require("chromium", CHROMIUM is not None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_QUIET)
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open a tab whose paths are those of a server.

    In the end nothing may have been complained about on the console, and no other
    host may have been asked for anything.

    Args:
        options: of the browser's context, such as ``java_script_enabled``.
    """
    context = browser.new_context(base_url=url, **options)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            asked.append(request.url)

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type in ("error", "warning")
            else None
        ),
    )
    context.on("request", note)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints
    assert asked == [], asked


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds serious on a page, by rule and place.

    Rules of WCAG 2.2, A and AA, and the best practices.
    """
    script = NODE_MODULES / "axe-core" / "axe.min.js"
    require("the npm package axe-core (make node)", script.is_file())
    page.evaluate(f"{script.read_text()}; undefined")
    found: list[str] = page.evaluate(_BARRIERS, list(_SERIOUS))
    return found
