// The review page in the browser. Gradio runs this with `element` (the component) and `server` (the functions of server.py).
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
  make("button", { type: "button", class: "plain", onclick: () => inTurn(act), ...attributes }, ...[words].flat());
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
  A: "move each that surely looks like another label there", R: "keep the rest of the label", "Enter, Space": "see it large",
  "Page Up, Page Down": "turn the page", "?": "these keys",
};

function frame() {
  const showKeys = button("? Keys", () => keys.showModal(), { title: "Show the keys" });
  root.replaceChildren(
    make("header", {}, make("div", {}, title, lead), make("div", { class: "top" }, showKeys, applyButton)),
    alarm, looking, chips, tools, grid, pager, foot, large, choice, keys,
  );
  keys.append(
    make("h2", {}, "Keys"),
    make("dl", {}, ...Object.entries(KEYS).flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, what)])),
    make("p", { class: "quiet" }, "Every decision is written down at once. Files move only when you apply."),
    button("Close", () => keys.close()),
  );
  for (const dialog of [large, choice, keys]) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", focusCard);
  }
}

// ---------------------------------------------------------------- showing

function showOverview() {
  const { folder, model, classes, waiting, sure, sure_percent: percent } = view.overview;
  title.textContent = `Review ${folder}`;
  const left = classes.reduce((sum, one) => sum + one.to_look_at, 0);
  const alike = classes.find((one) => one.label === OTHER)?.sure;
  lead.textContent = `${left} to look at${model ? `, most doubted by the model “${model}” first` : ""}`;
  if (alike) lead.append(`. ${alike} of “${spoken(OTHER)}” ${alike === 1 ? "looks" : "look"} exactly like a character`);
  lead.append(". No file moves before you press Apply.");
  applyButton.textContent = waiting ? `Apply ${plural(waiting, "decision")}` : "Nothing to apply";
  applyButton.disabled = !waiting;
  showTools(left, classes, sure, percent);
  const focused = [...chips.children].indexOf(document.activeElement);
  chips.replaceChildren(
    ...classes.map(({ label, pictures, to_look_at: unseen }) => {
      const parts = [make("b", {}, spoken(label)), make("span", {}, pictures), unseen ? make("em", {}, `${unseen} to look at`) : ""];
      return button(parts, () => open(label, 0), { class: null, "aria-current": label === view.label ? "true" : false });
    }),
  );
  chips.children[focused]?.focus();
  const current = chips.querySelector("[aria-current=true]");
  if (current) chips.scrollLeft = current.offsetLeft - chips.offsetLeft - 12; // on a phone they are one line
}

function showTools(left, classes, sure, percent) {
  const { is_looking: isLooking, looked_at: seen } = view.overview;
  const all = classes.reduce((sum, one) => sum + one.doubted, 0), pictures = classes.reduce((sum, one) => sum + one.pictures, 0);
  tools.hidden = !pictures;
  Object.assign(doneBar, { max: Math.max(all, 1), value: all ? all - left : 1 });
  progress.textContent = all ? `${all - left} of ${all} looked at` : isLooking ? "Nothing to look at yet" : "Nothing to look at";
  looking.hidden = !isLooking;
  looking.textContent = `The model is looking at the pictures: ${seen} of ${pictures}. They are put in order when it is done.`;
  const rest = classes.find((one) => one.label === view.label)?.undecided ?? 0;
  dressTool(doubtButton, "Next", " to look at", "N", !left);
  dressTool(acceptButton, `Accept ${sure}`, ` suggestion${sure === 1 ? "" : "s"} above ${percent}\u00a0%`, "A", !sure);
  acceptButton.title += ": move each picture to the label that it looks like";
  acceptButton.hidden = !view.overview.model;
  dressTool(restButton, "Keep the rest", `: ${rest}`, "R", !rest);
  restButton.title = `Keep the ${rest} of ${spoken(view.label)} that you have not decided on`;
}

function dressTool(tool, words, more, key, idle) {
  if (idle && tool === document.activeElement) focusCard();
  tool.replaceChildren(words, make("span", { class: "more" }, more), keyCap(key));
  tool.title = words + more;
  tool.disabled = idle;
}

function showGrid() {
  for (const { name } of queue) loaded.delete(name); // of the page before
  queue = [];
  grid.replaceChildren(...view.cards.map(cardOf));
  if (!view.cards.length) grid.append(make("p", { class: "quiet empty" }, "No pictures are left here."));
  loadMore();
  const { start, pictures } = view, size = pageSize(), end = Math.min(start + size, pictures);
  pager.hidden = pictures <= size;
  pager.replaceChildren(
    button("← Previous", () => turnPage(-1), { disabled: start === 0 }),
    make("span", { class: "quiet" }, `${start + 1}–${end} of ${pictures}`),
    button("Next →", () => turnPage(1), { disabled: end >= pictures }),
  );
}

function cardOf(card, place) {
  const image = make("img", { alt: named(card), draggable: "false" });
  const made = make(
    "div",
    { class: "card", role: "option", "data-key": card.key, onclick: (event) => inTurn(() => click(place, event.shiftKey)) },
    make("div", { class: "box" }, image, badge(card)),
    " ", // between what is read on a card
    make("p", { class: "name" }, spoken(card.label)),
    " ",
    make("p", { class: "opinion" }),
    " ",
    make("p", { class: "quiet source", title: card.title || card.name }, card.source || card.name),
  );
  picture(card.key).then(
    (url) => (image.src = url),
    () => {
      card.broken = true;
      dress(made, card, place);
    },
  );
  return made;
}

function dress(made, card, place) {
  made.dataset.action = card.action;
  made.classList.toggle("broken", Boolean(card.broken));
  made.classList.toggle("doubted", Boolean(card.suggested || card.broken));
  made.setAttribute("aria-selected", String(inRange(place)));
  made.tabIndex = place === view.at ? 0 : -1;
  made.querySelector(".badge").replaceWith(badge(card));
  const said = made.querySelector(".opinion");
  said.textContent = said.title = opinion(card);
  const words = [badge(card).textContent, spoken(card.label), opinion(card), card.source || card.name]; // what is to be read on it
  const order = `picture ${view.start + place + 1} of ${view.pictures}`;
  made.setAttribute("aria-label", `${words.filter(Boolean).join(" ")}, ${decided(card) || "not decided"}, ${order}`);
}

function select(place, isRange = false) {
  view.at = Math.max(0, Math.min(place, view.cards.length - 1));
  if (!isRange || large.open) view.anchor = view.at;
  view.cards.forEach((card, k) => dress(grid.children[k], card, k));
  bar.hidden = !selected();
  if (bar.hidden) return;
  const several = range().length > 1;
  which.replaceChildren(...(several ? [make("b", {}, `${range().length} pictures selected`)] : describe(selected())));
  bar.setAttribute("aria-label", several ? "The selected pictures" : "The selected picture");
  acts.replaceChildren(several ? "" : button(["Large", keyCap("↵")], openLarge, { title: "See it large" }), ...actions(several));
  if (large.open) openLarge();
  else focusCard();
}

function focusCard() {
  const card = grid.children[view.at];
  if (!card?.classList.contains("card")) return;
  card.focus({ preventScroll: true });
  const { top, bottom } = card.getBoundingClientRect(), room = foot.getBoundingClientRect().top;
  if (top < 8) scrollBy({ top: top - 12 });
  else if (bottom > room) scrollBy({ top: Math.min(bottom - room + 12, top - 12) });
}

function actions(several = false) {
  const card = selected(), names = labels();
  const act = (words, key, does, attributes = {}) => button([words, keyCap(key)], does, { "aria-keyshortcuts": key || null, ...attributes });
  const move = (label, kind) =>
    act(`→ ${spoken(label)}`, numberOf(label), () => decide("move", label), { class: kind, title: `Move to ${spoken(label)}` });
  const others = names.filter((label) => label !== card.label), fit = names.length <= MOST_NUMBERED;
  return [
    act("Keep", "K", () => decide("keep")),
    act("Delete", "D", () => decide("delete"), { class: "plain danger" }),
    !several && card.suggested && move(card.suggested, "plain suggested"),
    ...(fit ? others : []).filter((label) => several || label !== card.suggested).map((label) => move(label, "plain wide")),
    others.length && act("Move to…", "M", chooseLabel, { class: fit ? "plain narrow" : "plain" }),
    !several && card.undoable && act("Take back", "", () => takeBack(card.key)),
    act("Undo", "U", () => takeBack(""), { class: "plain undo", title: "Undo the last decision" }),
  ].filter(Boolean);
}

function numberOf(label) {
  const number = labels().indexOf(label) + 1;
  return number <= MOST_NUMBERED ? String(number) : "";
}

function describe(card) {
  const words = [opinion(card), card.source && `from ${card.source}`, decided(card)].filter(Boolean).join(" · ");
  return [make("b", {}, spoken(card.label)), make("span", {}, words), make("small", { class: "quiet" }, card.title || card.name)];
}

function openLarge() {
  const card = selected();
  if (!card) return;
  const image = make("img", { alt: named(card) });
  large.replaceChildren(
    make("div", { class: "stage", "data-action": card.action }, image, badge(card)),
    make("p", { class: "which" }, ...describe(card)),
    make(
      "div",
      { class: "acts" },
      button("←", () => step(-1), { "aria-label": "Previous picture" }),
      ...actions(),
      button("→", () => step(1), { "aria-label": "Next picture" }),
      button("Close", () => large.close()),
    ),
  );
  picture(card.key).then((url) => (image.src = image.src || url), () => {});
  picture(card.key, true).then((url) => (image.src = url), () => (image.alt = "This file cannot be opened as a picture."));
  if (!large.open) large.showModal();
  large.focus();
}

function chooseLabel() {
  const others = labels().filter((label) => label !== selected().label);
  const list = make("div", { class: "list" });
  const choose = (label) => {
    choice.close();
    return decide("move", label);
  };
  const fill = (part) => {
    const matching = others.filter((label) => spoken(label).toLowerCase().includes(part));
    list.replaceChildren(...matching.map((label) => button([spoken(label), keyCap(numberOf(label))], () => choose(label))));
  };
  const search = make("input", { type: "search", placeholder: "Find a label", "aria-label": "Find a label" });
  search.addEventListener("input", () => fill(search.value.toLowerCase()));
  search.addEventListener("keydown", (event) => event.key === "Enter" && list.firstElementChild?.click());
  fill("");
  const cancel = button("Cancel", () => choice.close());
  choice.replaceChildren(make("h2", {}, "Move to"), others.length > 11 ? search : "", list, cancel);
  choice.showModal();
}

// ---------------------------------------------------------------- doing

async function open(label, start, at = 0) {
  const size = pageSize(), turned = label !== view.label || start !== view.start;
  const { cards, pictures } = await ask("cards", { label, start, count: size });
  Object.assign(view, { label, start, cards, pictures, at, anchor: at, order: view.overview.order });
  showOverview();
  showGrid();
  const { top } = grid.getBoundingClientRect();
  if (turned && top < 0) scrollBy({ top: top - 12 });
  select(at);
  if (start + size < pictures) prefetch(label, start + size, size);
}

function openAt(label, place) {
  return open(label, place - (place % pageSize()), place % pageSize());
}

async function prefetch(label, start, count) {
  const next = await server.cards({ label, start, count });
  if (view.label !== label || !next || next.error) return;
  for (const card of next.cards) picture(card.key).catch(() => {});
  loadMore();
}

async function turnPage(by) {
  const start = view.start + by * pageSize();
  if (start < 0 ? view.start > 0 : start < view.pictures) await open(view.label, Math.max(0, start));
}

function step(by, isRange = false) {
  const place = view.at + by, ahead = view.start + pageSize();
  if (isRange && !large.open) return select(place, true); // a range stays on its page
  if (place >= view.cards.length && ahead < view.pictures) return open(view.label, ahead);
  if (place < 0 && view.start > 0) return openAt(view.label, view.start - 1);
  return select(place);
}

function click(place, isRange) {
  view.untouched = false;
  if (!isRange && place === view.at && clicked === place && grid.children[place].contains(document.activeElement)) openLarge();
  else select(place, isRange);
  clicked = isRange ? -1 : place;
}

async function decide(action, to = "") {
  const chosen = large.open ? [selected()] : range();
  if (!selected()) return;
  view.untouched = false;
  const { cards } = await ask("decide", { keys: chosen.map((card) => card.key), action, to });
  chosen.forEach((card, k) => Object.assign(card, cards[k]));
  const [card] = chosen, last = Math.max(view.at, view.anchor);
  const isEnd = view.start + last + 1 >= view.pictures;
  const subject = cards.length > 1 ? plural(cards.length, "picture") : `${spoken(card.label)}, ${card.title || card.name}`;
  told.textContent = `${subject}: ${decided(card)}.${isEnd ? ` That was the last one of ${spoken(view.label)}.` : ""}`;
  showOverview();
  clicked = -1;
  view.at = last;
  await step(1);
}

async function takeBack(key) {
  const { card, label, place, undone, why } = await ask("undo", { key });
  told.textContent = why || `Taken back: ${undone > 1 ? plural(undone, "decision") : card.title || card.name}.`;
  told.title = told.textContent;
  if (card) await openAt(label, place);
}

async function nextDoubt() {
  const { label, place } = await ask("next_doubt", { key: selected()?.key || "" });
  view.untouched = false;
  if (label) return openAt(label, place);
  told.textContent = view.overview.is_looking ? "Nothing to look at yet: the model is still looking." : "Nothing is left to look at.";
}

async function together(name, asked, words) {
  const { decided: count } = await ask(name, asked);
  view.untouched = false;
  told.textContent = count ? `${plural(count, "picture")} ${words} U takes that back.` : "There was nothing to decide.";
  await open(view.label, view.start, view.at);
}

function acceptAll() {
  return together("accept", {}, "to be moved to what they look like.");
}

function keepRest() {
  return together("keep_rest", { label: view.label }, `of ${spoken(view.label)} kept.`);
}

async function applyAll() {
  applyButton.disabled = true;
  const done = await ask("apply").finally(showOverview);
  const parts = [
    done.deleted && `${plural(done.deleted, "picture")} deleted (kept in .scrape/removed)`,
    done.moved && `${plural(done.moved, "picture")} moved`,
  ];
  told.textContent = `Applied: ${parts.filter(Boolean).join(", ") || "nothing was left to do"}.`;
  loaded.clear();
  await open(view.label, 0);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !view.overview || !root.isConnected) return;
  const on = event.target instanceof Element ? event.target : document.body;
  if (on.closest("input, select, textarea")) return;
  const act = keyAct(event.key.length === 1 ? event.key.toLowerCase() : event.key, on, event.shiftKey);
  if (!act) return;
  inTurn(act);
  event.preventDefault();
}

function keyAct(key, on, isRange) {
  if (keys.open) return key === "?" && (() => keys.close());
  const label = /^[1-9]$/.test(key) && labels()[key - 1];
  if (label) choice.close();
  if (label) return () => decide("move", label);
  if (choice.open) return null;
  const acts = {
    k: () => decide("keep"), d: () => decide("delete"), Delete: () => decide("delete"),
    m: chooseLabel, u: () => takeBack(""), n: nextDoubt, a: acceptAll, r: keepRest, "?": () => keys.showModal(),
    ArrowLeft: () => step(-1, isRange), ArrowRight: () => step(1, isRange),
    PageUp: () => turnPage(-1), PageDown: () => turnPage(1),
  };
  if (acts[key]) return acts[key];
  if (on.closest("button")) return null; // Enter and Space press it
  if (key === "Enter" || key === " ") return large.open ? () => large.close() : openLarge;
  if (large.open) return null;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const rows = { ArrowUp: -columns, ArrowDown: columns, Home: -view.at, End: view.cards.length };
  return key in rows && (() => select(view.at + rows[key] < 0 ? view.at : view.at + rows[key], isRange));
}

function openFirst() {
  const { classes } = view.overview;
  const first = classes.find((one) => one.label === OTHER && one.sure) || classes.find((one) => one.to_look_at) || classes[0];
  return open(first.label, 0);
}

async function begin() {
  frame();
  await ask("overview");
  await openFirst();
  if (view.overview.is_looking) setTimeout(() => inTurn(poll), POLL_MS);
}

// Until the model has looked at everything: what it says of the cards here, and in the end the pictures in their order.
async function poll() {
  await ask("overview");
  if (view.overview.is_looking) setTimeout(() => inTurn(poll), POLL_MS);
  const focused = document.activeElement, isElsewhere = focused !== document.body && !grid.contains(focused);
  if (view.order === view.overview.order) {
    const { cards } = await ask("cards", { label: view.label, start: view.start, count: pageSize() });
    cards.forEach((card, k) => view.cards[k]?.key === card.key && Object.assign(view.cards[k], card));
    view.cards.forEach((card, k) => dress(grid.children[k], card, k));
    showOverview();
  } else if (view.untouched || !selected()) {
    await openFirst();
  } else {
    const { label, place } = await ask("place", { key: selected().key });
    await openAt(label, place);
  }
  if (isElsewhere && focused.isConnected) focused.focus();
}

document.addEventListener("keydown", press);
SMALL_SCREEN.addEventListener("change", () => view.overview && inTurn(() => openAt(view.label, view.start + view.at)));
new ResizeObserver(() => root.style.setProperty("--foot", `${foot.offsetHeight}px`)).observe(foot);
inTurn(begin);
