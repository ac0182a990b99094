"""Comparing, searching and recording in a browser, with and without scripts."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from dateline import Ledger
from tests.api.page.browsers import barriers, tab
from tests.api.serving import serving
from tests.builders import asserted, denied, framed, opened, registered

LONG = "Unbreakable" * 60

PATHS = (
    "/compare?from=2024-10-19&to=2024-10-22&topic=dprk-troops",
    "/compare?from=2024-10-22&to=2024-10-22",
    "/search?q=troops&on=2024-10-22",
    "/search?q=nothing-like-it",
    "/search?q=!",
    "/record?claim=troops-deployed&topic=dprk-troops",
    "/sign-in",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1_280])
def test_nothing_keeps_anybody_from_a_form(
    browser: Browser, served: str, scheme: Any, width: int
) -> None:
    viewport: Any = {"width": width, "height": 900}
    with tab(browser, served, color_scheme=scheme, viewport=viewport) as page:
        for path in PATHS:
            page.goto(path)
            assert barriers(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_words_are_broken(ledger: Ledger, browser: Browser) -> None:
    ledger.record(opened("war", title=LONG), registered("seoul", name=LONG))
    ledger.record(framed("troops", text=LONG, topics=("war",)))
    ledger.record(
        asserted(quote=LONG, note=LONG), denied(said_at="2024-10-21", quote=LONG)
    )
    viewport: Any = {"width": 390, "height": 900}
    with serving(ledger) as url, tab(browser, url, viewport=viewport) as page:
        for path in (
            "/compare?from=2024-10-19&to=2024-10-22&topic=war",
            f"/search?q={LONG[:64]}&on=2024-10-22",
            "/record?claim=troops",
        ):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.parametrize("is_scripted", [True, False])
def test_a_statement_is_corrected_and_recorded(
    browser: Browser, served: str, example: Ledger, is_scripted: bool
) -> None:
    """The browser says by itself that the form is ours; what is wrong has the focus."""
    with tab(browser, served, java_script_enabled=is_scripted) as page:
        page.goto("/claims/troops-deployed?on=2024-10-22")
        page.get_by_role("link", name="Record", exact=True).click()
        form = page.get_by_role("region", name="Record a statement")
        form.get_by_label("Claim").fill("troops-deployed")
        form.get_by_label("Source").fill("russia")
        form.get_by_label("Stance").select_option("retracted")
        form.get_by_label("Said at").fill("2024-10-24")
        form.get_by_label("Quote").fill("We said <nothing>")
        form.get_by_label("Note").fill("On the radio")
        form.get_by_role("button").click()

        expect(page.locator("h1")).not_to_have_text("Not recorded")
        assert "on=2024-10-24&recorded_by=42" in page.url
        assert [event.type for event in example.events()][-1] == "StatementRetracted"


def test_what_cannot_be_taken_has_the_focus_and_says_why(
    browser: Browser, served: str, example: Ledger
) -> None:
    context = browser.new_context(base_url=served)
    page = context.new_page()
    page.goto("/record?claim=troops-deployed")
    form = page.get_by_role("region", name="Record a statement")
    form.get_by_label("Source").fill("nobody")
    form.get_by_label("Stance").select_option("asserted")
    form.get_by_label("Said at").fill("2024-10-24")
    form.get_by_role("button").click()

    field = form.get_by_label("Source")
    expect(field).to_be_focused()
    expect(field).to_have_value("nobody")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(
        "source 'nobody' is not in the ledger at position 41; register it first, or "
        "ask at a later position unknown_source its id"
    )
    assert barriers(page) == []
    field.fill("russia")
    form.get_by_role("button").click()
    expect(page.locator("h1")).not_to_have_text("Not recorded")
    assert example.position == 42
    context.close()
