// The review page in the browser: what it knows, what it asks, and its frame; show.js and act.js follow, in one scope.
// Gradio runs them with `element` (the component) and `server` (the functions of server.py).
// Whatever comes from the folder or the web is put into the page as text, never as HTML.

const SMALL_SCREEN = matchMedia("(max-width: 700px)");
const LOADING_AT_ONCE = 3; // leaves the browser connections for decisions
const MOST_LOADED = 600, MOST_NUMBERED = 9, OTHER = "_other", POLL_MS = 1000;

const root = element.querySelector(".review");
const view = { overview: null, order: 0, label: "", start: 0, cards: [], pictures: 0, at: 0, anchor: 0, untouched: true };
// at: the selected card; anchor: the other end of the range that Shift selects
const loaded = new Map(); // name -> promise of a data: URL
let queue = [], loading = 0, clicked = -1;
let turn = Promise.resolve(); // what was asked by key or click happens in the order in which it was asked

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null && child !== ""));
  return made;
}

const button = (words, act, attributes = {}) =>
  make("button", { type: "button", onclick: () => inTurn(act), ...attributes }, ...[words].flat());
const keyCap = (key) => (key ? make("kbd", { "aria-hidden": "true" }, key) : "");
const spoken = (label) => (label === OTHER ? "none of these" : label);
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const pageSize = () => (SMALL_SCREEN.matches ? 12 : 24);
const labels = () => view.overview.classes.map((one) => one.label);
const selected = () => view.cards[view.at];
const inRange = (place) => place >= Math.min(view.anchor, view.at) && place <= Math.max(view.anchor, view.at);
const range = () => view.cards.filter((_, place) => inRange(place));
const named = (card) => `${spoken(card.label)}: ${card.title || card.name}`;

function opinion(card) {
  if (card.broken) return "cannot be opened";
  if (!card.looks_like) return "";
  const like = card.looks_like === card.label ? "looks right" : `looks like ${spoken(card.looks_like)}`;
  return `${like}, ${Math.round(card.probability * 100)}\u00a0%`;
}

function decided({ action, undoable, to }, words = { delete: "to be deleted", move: "to " }) {
  if (action === "move") return undoable ? words.move + spoken(to) : "moved here";
  return { keep: "kept", delete: words.delete }[action] || "";
}

const badge = (card) => make("span", { class: "badge" }, decided(card, { delete: "delete", move: "→ " }));

// ---------------------------------------------------------------- asking the server

async function ask(name, asked = {}) {
  const answer = await server[name](asked);
  const error = answer ? answer.error : "The review page has stopped: start it again and reload.";
  const overview = name === "overview" ? answer : answer?.overview;
  if (!error && overview) view.overview = overview;
  alarm.textContent = error || view.overview?.trouble || "";
  alarm.hidden = !alarm.textContent;
  if (error) throw new Error(error);
  return answer;
}

function inTurn(act) {
  turn = turn.then(act).catch((error) => console.warn(error.message));
}

function picture(key, large = false) {
  const name = `${key} ${large}`;
  if (!loaded.has(name)) {
    const begun = large ? Promise.resolve() : new Promise((begin) => queue.push({ name, begin }));
    const url = begun.then(() => server.picture({ key, large })).then((answer) => answer?.url ?? Promise.reject(answer?.error));
    url.catch(() => loaded.delete(name)).finally(() => large || loadMore(1));
    loaded.set(name, url);
    if (loaded.size > MOST_LOADED) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(name);
}

function loadMore(ended = 0) {
  loading -= ended;
  for (; loading < LOADING_AT_ONCE && queue.length; loading += 1) queue.shift().begin();
}

// ---------------------------------------------------------------- the frame, built once

const title = make("h1");
const lead = make("p", { class: "quiet lead" });
const applyButton = button("", applyAll, { class: "main apply" });
const alarm = make("p", { class: "alarm", role: "alert", hidden: true });
const told = make("p", { class: "told", role: "status" });
const chips = make("nav", { class: "chips", "aria-label": "Labels" });
const doneBar = make("progress", { "aria-label": "Looked at" });
const progress = make("span", { class: "quiet" });
const looking = make("p", { class: "quiet looking", hidden: true });
const doubtButton = button("", nextDoubt, { "aria-keyshortcuts": "N" });
const acceptButton = button("", acceptAll, { "aria-keyshortcuts": "A" });
const restButton = button("", keepRest, { "aria-keyshortcuts": "R" });
const tools = make(
  "section", { class: "tools", "aria-label": "All at once" },
  make("p", { class: "done" }, doneBar, progress), make("div", { class: "together" }, doubtButton, acceptButton, restButton),
);
const grid = make("div", { class: "grid", role: "listbox", "aria-label": "Pictures", "aria-multiselectable": "true" });
const pager = make("nav", { class: "pager", "aria-label": "Pages" });
const which = make("p", { class: "which" });
const acts = make("div", { class: "acts" });
const bar = make("section", { class: "bar", "aria-label": "The selected picture" }, make("div", { class: "line" }, which, told), acts);
const foot = make("div", { class: "foot" }, bar);
const large = make("dialog", { class: "large", tabindex: -1, "aria-label": "The picture, large" });
const choice = make("dialog", { class: "choice", "aria-label": "Move to another label" });
const keys = make("dialog", { class: "keys", "aria-label": "Keys" });
const KEYS = {
  "← → ↑ ↓": "select a picture", "Shift + those": "select several (or Shift and a click)", K: "keep it", "D, Delete": "delete it", "1 … 9": "move it to that label",
  M: "choose a label to move it to", U: "undo the last decision", N: "the next one to look at, of any label",
  A: "move each of a character that surely looks like another label there", R: "keep the rest of the label", "Enter, Space": "see it large",
  "Page Up, Page Down": "turn the page", "?": "these keys",
};
const WHEN_FILES_MOVE =
  "Every decision is written down at once. Files move only when you apply, or when scrape.py fills the folder again.";

function frame() {
  const showKeys = button("? Keys", () => keys.showModal(), { title: "Show the keys" });
  root.replaceChildren(
    make("header", {}, make("div", {}, title, lead), make("div", { class: "top" }, showKeys, applyButton)),
    alarm, looking, chips, tools, grid, pager, foot, large, choice, keys,
  );
  keys.append(
    make("h2", { tabindex: -1, autofocus: "" }, "Keys"), // else Close has the focus, far down on a small screen
    make("dl", {}, ...Object.entries(KEYS).flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, what)])),
    make("p", { class: "quiet" }, WHEN_FILES_MOVE),
    button("Close", () => keys.close()),
  );
  for (const dialog of [large, choice, keys]) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", focusCard);
  }
}
