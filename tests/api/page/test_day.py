"""The day view in a browser: the contract's table, however one comes to a day."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dateline import Ledger
from tests.api.page.browsers import barriers, tab
from tests.api.page.reading import claims, day
from tests.api.serving import serving
from tests.builders import asserted, denied, framed, opened, registered

DEPLOYED = "North Korean troops are deployed to fight against Ukraine."
BRIGADES = (
    "Russia is preparing two brigades of North Korean soldiers, 6,000 each, for the "
    "war against Ukraine."
)
KURSK = "The first North Korean soldiers are sent to Kursk Oblast."
AUSTIN = "Lloyd Austin, US Secretary of Defense"
RUTTE = "Mark Rutte, NATO Secretary General"

SIDES = {"For": "South Korea", "Against": "Russia"}
TABLE: dict[str, dict[str, Any]] = {
    "Saturday 19 October 2024": {},
    "Sunday 20 October 2024": {
        DEPLOYED: {"status": "raised", "Cannot confirm": AUSTIN}
    },
    "Monday 21 October 2024": {
        DEPLOYED: {"status": "disputed", **SIDES, "Cannot confirm": AUSTIN},
    },
    "Tuesday 22 October 2024": {
        DEPLOYED: {
            "status": "disputed",
            **SIDES,
            "Cannot confirm": f"{AUSTIN}, {RUTTE}",
            "Origins": "0 independent",
        },
        BRIGADES: {"status": "floated"},
        KURSK: {"status": "floated"},
    },
}
"""The table of DESIGN.md, section 5, as a page says it."""

COUNTS = {
    "Saturday 19 October 2024": [],
    "Sunday 20 October 2024": ["1 raised"],
    "Monday 21 October 2024": ["1 disputed", "2 asserted"],
    "Tuesday 22 October 2024": ["1 disputed", "5 asserted", "5 floated"],
}


def check_day(page: Page, words: str) -> None:
    """Check that a page shows what the table says of a day."""
    expect(page.locator("[data-say=on]")).to_have_text(words)
    expect(page.locator("#state[aria-busy]")).to_have_count(0)
    shown = claims(page)
    for text in (DEPLOYED, BRIGADES, KURSK):
        expected = TABLE[words].get(text)
        if expected is None:
            assert text not in shown
        else:
            assert shown[text].items() >= expected.items()
    expect(page.locator("nav.counts a")).to_have_text(COUNTS[words])


def drag(page: Page, index: int) -> None:
    """Drag the day's slider with the mouse to a day, by its index."""
    slider = page.locator("[data-slide=on] input")
    box = slider.bounding_box()
    assert box is not None
    most = int(slider.get_attribute("max") or 0)
    thumb = 16
    value = int(slider.input_value())
    y = box["y"] + box["height"] / 2

    def x(at: int) -> float:
        return box["x"] + thumb / 2 + at / most * (box["width"] - thumb)

    page.mouse.move(x(value), y)
    page.mouse.down()
    page.mouse.move(x(index), y, steps=4)
    page.mouse.up()


def test_dragging_to_each_day_shows_the_table_of_the_contract(page: Page) -> None:
    page.goto("/")
    check_day(page, "Tuesday 22 October 2024")
    for words, index in zip(TABLE, range(4), strict=True):
        drag(page, index)
        expect(page).to_have_url(re.compile(f"on=2024-10-{19 + index}&"))
        expect(page.locator(".receipt")).to_contain_text(f"2024-10-{19 + index}")
        check_day(page, words)


def test_without_scripts_links_lead_to_the_same_days(
    browser: Browser, served: str
) -> None:
    with tab(browser, served, java_script_enabled=False) as page:
        page.goto("/topics/dprk-troops?on=2024-10-19")
        for number, words in enumerate(TABLE):
            if number:
                page.get_by_role("link", name="The day after").click()
            expect(page.locator("[data-say=on]")).to_have_text(words)
            expect(page.locator("nav.counts a")).to_have_text(COUNTS[words])
            for text, state in TABLE[words].items():
                claim = page.locator(".claim", has_text=text)
                for name, who in state.items():
                    if name != "status":
                        expect(claim.locator(".tally")).to_contain_text(f"{name}")
                        expect(claim.locator(".tally")).to_contain_text(who)
        expect(page.locator("[data-slide=on]")).to_be_hidden()


def test_arrow_keys_step_from_day_to_day(page: Page) -> None:
    page.goto("/topics/dprk-troops?on=2024-10-22")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("nav.counts a")).to_have_text(COUNTS["Monday 21 October 2024"])
    page.locator("[data-slide=on] input").focus()
    page.keyboard.press("ArrowLeft")
    check_day(page, "Sunday 20 October 2024")
    page.keyboard.press("ArrowRight")
    check_day(page, "Monday 21 October 2024")
    assert page.evaluate("document.activeElement.type") == "range"


def test_played_it_goes_through_the_days_to_the_last(page: Page) -> None:
    page.goto("/topics/dprk-troops?on=2024-10-28")
    button = page.get_by_role("button", name="Play, day by day")
    button.click()
    expect(page.locator(".promised .state")).to_have_text("lapsed")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert day(page) == "Wednesday 30 October 2024"


def test_what_changed_since_the_day_before_is_marked_with_the_reason(
    page: Page,
) -> None:
    page.goto("/topics/dprk-troops?on=2024-10-22")
    changed = page.locator(".claim.changed", has_text=DEPLOYED)
    expect(changed).to_contain_text("disputed the day before too")
    expect(changed.locator(".reasons")).to_contain_text(
        f"{RUTTE} cannot confirm it: So at this moment, I cannot confirm it."
    )
    same = page.locator(".claim", has_text="summoned the Russian ambassador")
    expect(same).not_to_contain_text("Changed")


def test_what_may_have_been_said_already_stands_apart(page: Page) -> None:
    page.goto("/topics/dprk-troops?on=2024-10-19")
    possible = page.locator(".possible")
    expect(possible).to_contain_text("counted for nothing")
    expect(possible.locator("li")).to_have_count(2)
    expect(page.locator("#state")).to_contain_text("Nothing had been said.")


@pytest.mark.parametrize(("on", "state"), [("22", "open"), ("30", "lapsed")])
def test_a_promise_shows_what_became_of_it(page: Page, on: str, state: str) -> None:
    page.goto(f"/topics/dprk-troops?on=2024-10-{on}")
    expect(page.locator(".promised .state")).to_have_text(state)
    expect(page.locator(".promised")).to_contain_text("due 2024-10-28 to 2024-10-29")


def test_a_policy_is_chosen_in_a_form_and_stays_in_the_url(page: Page) -> None:
    page.goto("/topics/dprk-troops?on=2024-10-22")
    page.get_by_text("Choose exactly").click()
    page.get_by_label("Implicit statements").select_option("ignore")
    page.get_by_role("button", name="Show").click()
    assert claims(page)[DEPLOYED]["status"] == "raised"
    assert "policy=" in page.url
    page.get_by_role("link", name="The day before", exact=True).click()
    expect(page).to_have_url(re.compile("on=2024-10-21.*policy="))


def test_record_time_is_chosen_too_and_the_page_says_that_the_ledger_went_on(
    browser: Browser, ledger: Ledger
) -> None:
    ledger.record(opened("war"), registered("seoul"), registered("moscow"))
    ledger.record(framed("troops", topics=("war",)))
    first = ledger.record(asserted("troops", by="seoul", said_at="2024-10-20"))
    ledger.record(denied("troops", by="moscow", said_at="2024-10-19"))
    with serving(ledger) as url, tab(browser, url) as page:
        page.goto("/topics/war?on=2024-10-20")
        expect(page.locator("nav.counts a")).to_have_text(["1 disputed"])
        slider = page.locator("[data-slide=recorded_by] input")
        slider.focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("nav.counts a")).to_have_text(["1 asserted"])
        expect(page).to_have_url(re.compile(f"recorded_by={first.position}"))
        page.get_by_role("link", name="See it as recorded by now").click()
        expect(page.locator("nav.counts a")).to_have_text(["1 disputed"])
        late = page.locator(".axes .late title")
        expect(late).to_have_count(2)


def test_a_link_that_pins_both_points_shows_the_same_after_the_ledger_went_on(
    browser: Browser, ledger: Ledger
) -> None:
    ledger.record(opened("war"), registered("seoul"), registered("moscow"))
    ledger.record(framed("troops", topics=("war",)))
    ledger.record(asserted("troops", by="seoul", said_at="2024-10-20"))
    with serving(ledger) as url:
        with tab(browser, url) as page:
            page.goto("/topics/war")
            pinned = page.url
            assert f"on=2024-10-20&recorded_by={ledger.position}" in pinned
        ledger.record(denied("troops", by="moscow", said_at="2024-10-20"))
        with tab(browser, url) as page:
            page.goto(pinned)
            expect(page.locator("nav.counts a")).to_have_text(["1 asserted"])
            expect(page.locator(".behind")).to_contain_text("has gone on")


def test_a_live_event_appears_in_its_place(browser: Browser, ledger: Ledger) -> None:
    ledger.record(opened("war"), registered("seoul"), registered("moscow"))
    ledger.record(framed("troops", topics=("war",)))
    ledger.record(asserted("troops", by="seoul", said_at="2024-10-20"))
    with serving(ledger) as url, tab(browser, url) as page:
        page.goto("/topics/war?on=2024-10-20")
        expect(page.locator("nav.counts a")).to_have_text(["1 asserted"])
        page.get_by_text("Choose exactly").click()
        receipt = ledger.record(denied("troops", by="moscow", said_at="2024-10-20"))
        expect(page.locator(".live li")).to_contain_text(f"{receipt.position}: moscow")
        expect(page.locator("nav.counts a")).to_have_text(["1 disputed"])
        expect(page).to_have_url(re.compile(f"recorded_by={receipt.position}"))
        expect(page.locator(".exact")).to_have_attribute("open", "")  # nothing lost


def test_held_the_view_stays_and_the_news_is_told(
    browser: Browser, ledger: Ledger
) -> None:
    ledger.record(opened("war"), registered("seoul"), registered("moscow"))
    ledger.record(framed("troops", topics=("war",)))
    ledger.record(asserted("troops", by="seoul", said_at="2024-10-20"))
    with serving(ledger) as url, tab(browser, url) as page:
        page.goto("/topics/war?on=2024-10-20")
        first = ledger.record(asserted("troops", by="moscow", said_at="2024-10-20"))
        expect(page).to_have_url(re.compile(f"recorded_by={first.position}"))
        page.get_by_role("button", name="Hold this view").click()
        before = page.url
        ledger.record(denied("troops", by="moscow", said_at="2024-10-20"))
        expect(page.locator(".live li")).to_have_count(2)
        expect(page.locator("nav.counts a")).to_have_text(["1 asserted"])
        assert page.url == before
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("nav.counts a")).to_have_text(["1 disputed"])


HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> "
    '"><svg onload=alert(1)> {{ 7*7 }} &amp; \u202egnitsrever'
)


def test_markup_in_what_was_said_is_text(browser: Browser, ledger: Ledger) -> None:
    ledger.record(opened("war", title=HOSTILE), registered("seoul", name=HOSTILE))
    ledger.record(framed("troops", topics=("war",), text=HOSTILE))
    ledger.record(asserted("troops", by="seoul", said_at="2024-10-20", quote=HOSTILE))
    with serving(ledger) as url, tab(browser, url) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.goto("/topics/war")
        expect(page.locator("h1")).to_have_text(HOSTILE)
        expect(page.locator(".claim h3")).to_have_text(HOSTILE)
        expect(page.locator("main img, main script, main svg[onload]")).to_have_count(0)
        page.goto("/topics/war?format=svg")
        assert page.evaluate("document.querySelectorAll('script, img').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1_280])
def test_nothing_stands_in_the_way_of_anybody(
    browser: Browser, served: str, scheme: Any, width: int
) -> None:
    viewport: Any = {"width": width, "height": 900}
    with tab(browser, served, color_scheme=scheme, viewport=viewport) as page:
        for on in ("2024-10-19", "2024-10-22"):
            page.goto(f"/topics/dprk-troops?on={on}")
            assert barriers(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
