// Moving through both times: sliders, arrow keys, and playing day by day.
import { show } from "./swap.js";

const DAY_MS = 86_400_000;
const PLAY_MS = 900;
const SETTLED_MS = 60;

const words = new Intl.DateTimeFormat("en-GB", {
  weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC",
});

let playing = null;
let waiting = null;

const slider = (name) => document.querySelector(`[data-slide="${name}"] input`);

function dayAt(input, index) {
  return new Date(Date.parse(input.dataset.first) + index * DAY_MS);
}

const iso = (day) => day.toISOString().slice(0, 10);

/** Returns this view's URL with other parameters. */
function here(changes) {
  const url = new URL(location.href);
  url.searchParams.delete("page");
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  return url.href;
}

/** Says at once which point a slider is at, and shows it when the hand rests. */
function move(name, input) {
  const index = Number(input.value);
  let value;
  if (name === "on") {
    const day = dayAt(input, index);
    value = iso(day);
    const said = words.format(day).replace(",", "");
    input.setAttribute("aria-valuetext", said);
    const place = document.querySelector('[data-say="on"]');
    if (place) place.textContent = said;
    const now = document.querySelector(".chart [data-now]");
    if (now) now.setAttribute("x", (index * 1000) / (Number(input.max) + 1));
  } else {
    value = input.dataset.positions.split(" ")[index];
    input.setAttribute("aria-valuetext", `position ${value}`);
  }
  document.getElementById("state").setAttribute("aria-busy", "true");
  clearTimeout(waiting);
  waiting = setTimeout(() => show(here({ [name]: value })), SETTLED_MS);
}

function stop() {
  clearInterval(playing);
  playing = null;
  tellPlaying();
}

function tellPlaying() {
  const button = document.querySelector("[data-play]");
  if (!button) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(playing !== null));
  button.querySelector("[aria-hidden]").textContent = playing === null ? "▶" : "❚❚";
}

/** Steps through the days, from the beginning if the last one is shown. */
function play() {
  const input = slider("on");
  if (Number(input.value) >= Number(input.max)) input.value = 0;
  const days = input.dataset.days.split(" ").filter(Boolean);
  const isLong = Number(input.max) > 120;
  const step = () => {
    const day = iso(dayAt(input, Number(input.value)));
    const next = isLong ? days.find((one) => one > day) : undefined;
    if (Number(input.value) >= Number(input.max) || (isLong && !next)) return stop();
    input.value = isLong
      ? Math.round((Date.parse(next) - Date.parse(input.dataset.first)) / DAY_MS)
      : Number(input.value) + 1;
    move("on", input);
  };
  playing = setInterval(step, PLAY_MS);
  tellPlaying();
  move("on", input);
}

/** Takes over from a page that was fetched what its sliders range over. */
function adjust(next) {
  for (const name of ["on", "recorded_by"]) {
    const [mine, theirs] = [slider(name), next.querySelector(`[data-slide="${name}"] input`)];
    if (!mine || !theirs) continue;
    for (const field of ["max", "aria-valuetext"]) {
      if (theirs.hasAttribute(field)) mine.setAttribute(field, theirs.getAttribute(field));
    }
    Object.assign(mine.dataset, theirs.dataset);
    mine.value = theirs.getAttribute("value");
  }
  tellPlaying();
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (event.target.closest("input, select, textarea, summary")) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const input = slider("on");
  if (!step || !input) return;
  event.preventDefault();
  stop();
  input.value = Number(input.value) + step;
  move("on", input);
}

/** Lets the sliders of a page be dragged. */
export function travel() {
  for (const label of document.querySelectorAll("[data-slide]")) {
    const input = label.querySelector("input");
    label.hidden = false;
    input.addEventListener("input", () => {
      stop();
      move(label.dataset.slide, input);
    });
  }
  if (!slider("on")) return;
  tellPlaying();
  document.addEventListener("keydown", onKey);
  document.addEventListener("shown", (event) => adjust(event.detail));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-play]")) playing === null ? play() : stop();
    const step = event.target.closest("a.step, #recorded a, .exact a");
    if (!step || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    stop();
    show(step.href);
  });
}
