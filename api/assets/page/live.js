// What is recorded while one looks at the head: told at once, shown in its place.
import { show } from "./swap.js";

const SETTLED_MS = 250;
const MOST_TOLD = 50;

/** Follows the ledger from the position that the page was given at. */
export function follow() {
  const { live, position } = document.body.dataset;
  const place = document.querySelector("[data-news]");
  if (live === undefined || !place || !("follow" in document.body.dataset)) return;
  const list = place.querySelector("[data-news-list]");
  const state = place.querySelector("[data-live-state]");
  const hold = place.querySelector("[data-hold]");
  let isHeld = false;
  let waiting = null;

  const refresh = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const url = new URL(location.href);
      url.searchParams.delete("recorded_by");
      show(url.href, { isFresh: true });
    }, SETTLED_MS);
  };

  hold.addEventListener("click", () => {
    isHeld = !isHeld;
    clearTimeout(waiting);
    hold.setAttribute("aria-pressed", String(isHeld));
    hold.textContent = isHeld ? "Go on" : "Hold this view";
    if (!isHeld) refresh();
  });

  const root = document.body.dataset.root ?? "";
  const news = new EventSource(`${root}/v1/events?after=${position}&${live}`);
  news.onopen = () => (state.textContent = "following the ledger");
  news.onerror = () => (state.textContent = "not connected; trying again");
  const told = (message) => {
    const event = JSON.parse(message.data);
    place.hidden = false;
    const item = document.createElement("li");
    item.textContent = sentence(event);
    if (event.claim) {
      const link = document.createElement("a");
      const points = new URL(location.href).searchParams;
      link.href = `${root}/claims/${encodeURIComponent(event.claim)}?on=${points.get("on")}`;
      link.textContent = event.claim;
      item.append(" ", link);
    }
    list.prepend(item);
    while (list.children.length > MOST_TOLD) list.lastElementChild.remove();
    if (!isHeld) refresh();
  };
  for (const type of TYPES) news.addEventListener(type, told);
}

const DOES = {
  ClaimAsserted: "asserts", ClaimDenied: "denies", ClaimConfirmed: "confirms",
  ClaimRefuted: "refutes", ConfirmationWithheld: "cannot confirm",
  StatementRetracted: "takes back what it said on", ClaimFramed: "A claim is framed:",
  ClaimReworded: "A claim is reworded:", RecordVoided: "Our record was wrong:",
};

const TYPES = [
  ...Object.keys(DOES), "ClaimFiled", "ClaimUnfiled", "ClaimsLinked", "ClaimsUnlinked",
  "ClaimAssessed", "UpdateExpected", "UpdateReceived", "TopicOpened",
];

function sentence(event) {
  const does = DOES[event.type] ?? event.type;
  return `${event.position}: ${event.source ? `${event.source} ` : ""}${does}${event.said_at ? ` (said ${event.said_at})` : ""}`;
}
