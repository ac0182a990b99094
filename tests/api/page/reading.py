"""What a reader sees on a page, taken from what is visible of it."""

from typing import Any

from playwright.sync_api import Page

_CLAIMS = """
() => {
  const found = {};
  let status = null;
  for (const item of document.querySelectorAll(".claims > li")) {
    if (item.matches(".heading")) {
      status = item.querySelector(".state").innerText.trim();
      continue;
    }
    const tally = {};
    for (const row of item.querySelectorAll(".tally > div")) {
      tally[row.querySelector("dt").innerText] = row.querySelector("dd").innerText;
    }
    found[item.querySelector("h3").innerText] = { status, ...tally };
  }
  return found;
}
"""


def claims(page: Page) -> dict[str, Any]:
    """Return the claims of a day view by wording: status, and who stands where."""
    found: dict[str, Any] = page.evaluate(_CLAIMS)
    return found


def day(page: Page) -> str:
    """Return the day that a page says it shows."""
    return page.locator("[data-say=on]").inner_text()
