// Shows another point of a view in the place of this one, without losing one's place.

const seen = new Map();
const MOST_SEEN = 60;
let asked = null;

/** Parts of a page that say what is so at its points; controls stay as they are. */
const PARTS = ["public", "chart", "ends", "recorded", "compare", "state"];

/** Fetches a view's page; what was seen lately is not fetched again. */
async function page(url, signal, isFresh) {
  const kept = isFresh ? undefined : seen.get(url);
  if (kept) return kept;
  const response = await fetch(url, { signal, headers: { Accept: "text/html" } });
  const text = await response.text();
  const found = { url: response.url, text, isWhole: response.ok };
  if (response.ok) {
    seen.set(url, found);
    if (seen.size > MOST_SEEN) seen.delete(seen.keys().next().value);
  }
  return found;
}

/**
 * Shows the page of a URL here. Resolves to its document; to nothing if another was
 * asked for meanwhile, or there is no answer.
 */
export async function show(url, { isFresh = false } = {}) {
  asked?.abort();
  const mine = (asked = new AbortController());
  let found;
  try {
    found = await page(url, mine.signal, isFresh);
  } catch (error) {
    if (error.name !== "AbortError") say("No answer from the server; try again.");
    return null;
  }
  if (mine.signal.aborted) return null;
  const next = new DOMParser().parseFromString(found.text, "text/html");
  if (!found.isWhole) {
    say(next.querySelector("[role=alert]")?.textContent ?? "The server refused that.");
    return null;
  }
  const focused = document.activeElement?.id;
  for (const id of PARTS) {
    const [here, there] = [document.getElementById(id), next.getElementById(id)];
    if (here && there) here.replaceWith(document.adoptNode(there));
  }
  document.querySelector(".receipt")?.replaceWith(document.adoptNode(next.querySelector(".receipt")));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  document.title = next.title;
  Object.assign(document.body.dataset, next.body.dataset);
  history.replaceState(null, "", found.url);
  document.dispatchEvent(new CustomEvent("shown", { detail: next }));
  return next;
}

/** Tells everybody, also those who listen, what did not work. */
export function say(words) {
  let place = document.querySelector(".said");
  if (!place) {
    place = document.createElement("p");
    place.className = "said";
    place.setAttribute("role", "status");
    document.querySelector("main").prepend(place);
  }
  place.textContent = words;
}
