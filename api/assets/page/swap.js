// Shows another point of a view in the place of this one, without losing one's place.

const seen = new Map();
const MOST_SEEN = 60;
let asked = null;
let shown = { url: location.href, text: document.documentElement.outerHTML };

/** Parts of a page that say what is so at its points; controls stay as they are. */
const PARTS = ["public", "chart", "ends", "recorded", "compare", "state", "receipt"];

/** Fetches a view's page; what was seen lately is not fetched again. */
async function page(url, signal, isFresh) {
  const kept = isFresh ? undefined : seen.get(url);
  if (kept) return kept;
  const response = await fetch(url, { signal, headers: { Accept: "text/html" } });
  const found = { url: response.url, text: await response.text() };
  if (!response.ok) {
    const refusal = new DOMParser().parseFromString(found.text, "text/html");
    throw new Error(refusal.querySelector("[role=alert]")?.textContent ?? "The server refused that.");
  }
  seen.set(url, found);
  if (seen.size > MOST_SEEN) seen.delete(seen.keys().next().value);
  return found;
}

/** Puts what a page says into the place of what is said here. */
function put(found) {
  shown = found;
  const next = new DOMParser().parseFromString(found.text, "text/html");
  const focused = document.activeElement?.id;
  for (const id of PARTS) {
    const [here, there] = [document.getElementById(id), next.getElementById(id)];
    if (here && there) here.replaceWith(document.importNode(there, true));
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  document.title = next.title;
  Object.assign(document.body.dataset, next.body.dataset);
  history.replaceState(null, "", found.url);
  document.dispatchEvent(new CustomEvent("shown", { detail: next }));
}

/** Shows the page of a URL here, unless another one is asked for meanwhile. */
export async function show(url, { isFresh = false } = {}) {
  asked?.abort();
  const mine = (asked = new AbortController());
  document.getElementById("state")?.setAttribute("aria-busy", "true");
  try {
    put(await page(url, mine.signal, isFresh));
    say("");
  } catch (error) {
    if (mine.signal.aborted) return;
    put(shown);
    say(error instanceof TypeError ? "No answer from the server; try again." : error.message);
  }
}

/** Tells everybody, also those who listen, what did not work. */
function say(words) {
  const place = document.querySelector("[data-said]");
  place.textContent = words;
  place.hidden = !words;
}
