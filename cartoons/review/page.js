// The review page in the browser. Gradio runs this with `element` (the component) and `server` (the functions of page.py).
// Whatever comes from the folder or the web is put into the page as text, never as HTML.

const SMALL_SCREEN = matchMedia("(max-width: 700px)");
const LOADING_AT_ONCE = 3; // leaves the browser connections for decisions
const MOST_LOADED = 600;
const MOST_NUMBERED = 9;
const OTHER = "_other";

const root = element.querySelector(".review");
const loaded = new Map(); // key -> promise of a data: URL
let queue = [];
let loading = 0;
let view = { overview: null, label: "", start: 0, cards: [], pictures: 0, at: 0 };
let turn = Promise.resolve(); // what was asked by key or click happens in the order in which it was asked

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null && child !== ""));
  return made;
}

const spoken = (label) => (label === OTHER ? "none of these" : label);
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;
const pageSize = () => (SMALL_SCREEN.matches ? 12 : 24);
const labels = () => view.overview.classes.map((one) => one.label);
const selected = () => view.cards[view.at];
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function opinion(card) {
  if (card.broken) return "cannot be opened";
  if (!card.looks_like) return "";
  const like = card.looks_like === card.label ? "looks right" : `looks like ${spoken(card.looks_like)}`;
  return `${like}, ${percent(card.probability)}`;
}

function badge(card) {
  return { delete: "delete", move: card.undoable ? `→ ${spoken(card.to)}` : "moved here" }[card.action] || decided(card);
}

function decided(card) {
  if (card.action === "keep") return "kept";
  if (card.action === "delete") return "to be deleted";
  if (card.action === "move") return card.undoable ? `to ${spoken(card.to)}` : "moved here";
  return "";
}

// ---------------------------------------------------------------- asking the server

async function ask(name, asked = {}) {
  const told = await server[name](asked);
  const error = told ? told.error : "The review page has stopped: start it again and reload.";
  alarm.textContent = error || "";
  alarm.hidden = !error;
  if (error) throw new Error(error);
  return told;
}

function inTurn(act) {
  turn = turn.then(act).catch((error) => console.warn(error.message));
  return turn;
}

function picture(key, large) {
  const name = `${key}${large ? " large" : ""}`;
  if (!loaded.has(name)) {
    let start;
    const job = new Promise((resolve) => (start = resolve)).then(async () => {
      const told = await server.picture({ key, large });
      if (!told || told.error) {
        loaded.delete(name);
        throw new Error(told ? told.error : "no answer");
      }
      return told.url;
    });
    loaded.set(name, job);
    if (large) start();
    else queue.push({ key, start, job });
    if (loaded.size > MOST_LOADED) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(name);
}

function loadMore() {
  while (loading < LOADING_AT_ONCE && queue.length) {
    const { start, job } = queue.shift();
    loading += 1;
    start();
    job.catch(() => {}).finally(() => {
      loading -= 1;
      loadMore();
    });
  }
}

function forgetQueue() {
  for (const { key } of queue) loaded.delete(key);
  queue = [];
}

// ---------------------------------------------------------------- the frame, built once

const title = make("h1");
const lead = make("p", { class: "quiet lead" });
const applyButton = make("button", { class: "main apply", type: "button", onclick: () => inTurn(applyAll) });
const keysButton = make("button", { class: "plain", type: "button", "aria-label": "Show the keys", onclick: () => keys.showModal() }, "? Keys");
const alarm = make("p", { class: "alarm", role: "alert", hidden: true });
const told = make("p", { class: "told", role: "status" });
const chips = make("nav", { class: "chips", "aria-label": "Classes" });
const grid = make("div", { class: "grid", role: "listbox", "aria-label": "Pictures" });
const pager = make("nav", { class: "pager", "aria-label": "Pages" });
const which = make("p", { class: "which" });
const acts = make("div", { class: "acts" });
const bar = make("section", { class: "bar", "aria-label": "The selected picture" }, make("div", { class: "line" }, which, told), acts);
const foot = make("div", { class: "foot" }, bar);
const large = make("dialog", { class: "large", tabindex: -1, "aria-label": "The picture, large" });
const choice = make("dialog", { class: "choice", "aria-label": "Move to another label" });
const keys = make("dialog", { class: "keys", "aria-label": "Keys" });

function frame() {
  root.replaceChildren(
    make("header", {}, make("div", {}, title, lead), make("div", { class: "top" }, keysButton, applyButton)),
    alarm, chips, grid, pager, foot, large, choice, keys,
  );
  const rows = [
    ["← → ↑ ↓", "select a picture"], ["K", "keep it"], ["D, Delete", "delete it"],
    ["1 … 9", "move it to that label"], ["M", "choose a label to move it to"], ["U", "undo the last decision"],
    ["Enter, Space", "see it large"], ["Page Up, Page Down", "turn the page"], ["?", "these keys"],
  ];
  keys.append(
    make("h2", {}, "Keys"),
    make("dl", {}, ...rows.flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, what)])),
    make("p", { class: "quiet" }, "Every decision is written down at once. Files move only when you apply."),
    make("button", { class: "plain", type: "button", onclick: () => keys.close() }, "Close"),
  );
  for (const dialog of [large, choice, keys]) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => focusCard());
  }
}

// ---------------------------------------------------------------- showing

function showOverview() {
  const { folder, model, classes, waiting } = view.overview;
  title.textContent = `Review ${folder}`;
  const left = classes.reduce((sum, one) => sum + one.to_look_at, 0);
  lead.textContent = `${left} to look at${model ? `, most doubted by the model “${model}” first` : ""}`;
  applyButton.textContent = waiting ? `Apply ${plural(waiting, "decision")}` : "Nothing to apply";
  applyButton.disabled = !waiting;
  const had = [...chips.children].indexOf(document.activeElement);
  chips.replaceChildren(
    ...classes.map((one) =>
      make(
        "button",
        { type: "button", "aria-current": one.label === view.label ? "true" : false, onclick: () => inTurn(() => open(one.label, 0)) },
        make("b", {}, spoken(one.label)),
        make("span", {}, one.pictures),
        one.to_look_at ? make("em", {}, `${one.to_look_at} to look at`) : "",
      ),
    ),
  );
  if (had >= 0) chips.children[had]?.focus();
}

function showGrid() {
  forgetQueue();
  grid.replaceChildren(...view.cards.map(cardOf));
  if (!view.cards.length) grid.append(make("p", { class: "quiet empty" }, "No pictures are left here."));
  loadMore();
  const { start, pictures } = view, size = pageSize(), end = Math.min(start + size, pictures);
  pager.hidden = pictures <= size;
  pager.replaceChildren(
    make("button", { class: "plain", type: "button", disabled: start === 0, onclick: () => inTurn(() => turnPage(-1)) }, "← Previous"),
    make("span", { class: "quiet" }, `${start + 1}–${end} of ${pictures}`),
    make("button", { class: "plain", type: "button", disabled: end >= pictures, onclick: () => inTurn(() => turnPage(1)) }, "Next →"),
  );
  showBar();
}

function cardOf(card, place) {
  const image = make("img", { alt: "", draggable: "false" });
  const box = make("div", { class: "box" }, image, make("span", { class: "badge" }));
  const made = make(
    "div",
    { class: "card", role: "option", onclick: () => inTurn(() => click(place)) },
    box,
    make("p", { class: "name" }, spoken(card.label)),
    make("p", { class: "opinion" }),
    make("p", { class: "quiet source", title: card.title || card.name }, card.source || card.name),
  );
  dress(made, card, place);
  picture(card.key, false).then(
    (url) => (image.src = url),
    () => {
      card.broken = true;
      dress(made, card, place);
    },
  );
  image.alt = `${spoken(card.label)}: ${card.title || card.name}`;
  return made;
}

function dress(made, card, place) {
  const word = decided(card);
  made.dataset.action = card.action;
  made.dataset.key = card.key;
  made.classList.toggle("broken", Boolean(card.broken));
  made.classList.toggle("doubted", Boolean(card.suggested || card.broken));
  made.setAttribute("aria-selected", String(place === view.at));
  made.tabIndex = place === view.at ? 0 : -1;
  made.querySelector(".badge").textContent = badge(card);
  made.querySelector(".opinion").textContent = opinion(card);
  made.querySelector(".opinion").title = opinion(card);
  const parts = [spoken(card.label), opinion(card), card.source && `from ${card.source}`, word || "not decided"];
  made.setAttribute("aria-label", `Picture ${view.start + place + 1} of ${view.pictures}: ${parts.filter(Boolean).join(", ")}`);
}

function select(place) {
  view.at = Math.max(0, Math.min(place, view.cards.length - 1));
  view.cards.forEach((card, k) => dress(grid.children[k], card, k));
  showBar();
  if (large.open) {
    showLarge();
    large.focus();
  } else focusCard();
}

function focusCard() {
  const made = grid.children[view.at];
  if (!made || !made.classList.contains("card")) return;
  made.focus({ preventScroll: true });
  const box = made.getBoundingClientRect();
  const room = foot.getBoundingClientRect().top;
  if (box.top < 8) scrollBy({ top: box.top - 12 });
  else if (box.bottom > room) scrollBy({ top: Math.min(box.bottom - room + 12, box.top - 12) });
}

function actions() {
  const card = selected();
  const button = (words, key, act, kind = "plain", name = null) =>
    make("button", { type: "button", class: kind, "aria-label": name, "aria-keyshortcuts": key || null, onclick: () => inTurn(act) }, words, key ? make("kbd", { "aria-hidden": "true" }, key) : "");
  const names = labels();
  const number = (label) => (names.indexOf(label) < MOST_NUMBERED ? String(names.indexOf(label) + 1) : "");
  const others = names.filter((label) => label !== card.label);
  const all = names.length <= MOST_NUMBERED ? others : [];
  const toMove = (label, kind) => button(`→ ${spoken(label)}`, number(label), () => decide("move", label), kind, `Move to ${spoken(label)}`);
  return [
    button("Keep", "K", () => decide("keep")),
    button("Delete", "D", () => decide("delete"), "plain danger"),
    card.suggested ? toMove(card.suggested, "plain suggested") : "",
    ...all.filter((label) => label !== card.suggested).map((label) => toMove(label, "plain wide")),
    others.length ? button("Move to…", "M", chooseLabel, all.length ? "plain narrow" : "plain") : "",
    card.undoable ? button("Take back", "", () => takeBack(card.key)) : "",
    button("Undo", "U", () => takeBack(""), "plain undo", "Undo the last decision"),
  ].filter(Boolean);
}

function showBar() {
  const card = selected();
  bar.hidden = !card;
  if (!card) return;
  which.replaceChildren(...describe(card));
  const see = make("button", { type: "button", class: "plain", "aria-label": "See it large", onclick: () => inTurn(openLarge) }, "Large");
  see.append(make("kbd", { "aria-hidden": "true" }, "↵"));
  acts.replaceChildren(see, ...actions());
}

function describe(card) {
  const words = [opinion(card), card.source && `from ${card.source}`, decided(card)].filter(Boolean).join(" · ");
  return [make("b", {}, spoken(card.label)), make("span", {}, words), make("small", { class: "quiet" }, card.title || card.name)];
}

function openLarge() {
  if (!selected()) return;
  showLarge();
  if (!large.open) large.showModal();
  large.focus();
}

function showLarge() {
  const card = selected();
  const image = make("img", { alt: `${spoken(card.label)}: ${card.title || card.name}` });
  large.replaceChildren(
    make("div", { class: "stage", "data-action": card.action }, image, make("span", { class: "badge" }, badge(card))),
    make("p", { class: "which" }, ...describe(card)),
    make(
      "div",
      { class: "acts" },
      make("button", { type: "button", class: "plain", "aria-label": "Previous picture", onclick: () => inTurn(() => step(-1)) }, "←"),
      ...actions(),
      make("button", { type: "button", class: "plain", "aria-label": "Next picture", onclick: () => inTurn(() => step(1)) }, "→"),
      make("button", { type: "button", class: "plain", onclick: () => large.close() }, "Close"),
    ),
  );
  picture(card.key, false).then((url) => (image.src = image.src || url), () => {});
  picture(card.key, true).then((url) => (image.src = url), () => (image.alt = "This file cannot be opened as a picture."));
}

function chooseLabel() {
  const names = labels();
  const found = make("div", { class: "list" });
  const fill = (part) =>
    found.replaceChildren(
      ...names
        .filter((label) => label !== selected().label && spoken(label).toLowerCase().includes(part))
        .map((label) => {
          const number = names.indexOf(label) < MOST_NUMBERED ? make("kbd", { "aria-hidden": "true" }, String(names.indexOf(label) + 1)) : "";
          return make("button", { type: "button", class: "plain", onclick: () => { choice.close(); inTurn(() => decide("move", label)); } }, spoken(label), number);
        }),
    );
  const search = make("input", { type: "search", placeholder: "Find a label", "aria-label": "Find a label", oninput: () => fill(search.value.toLowerCase()) });
  search.addEventListener("keydown", (event) => event.key === "Enter" && found.firstElementChild?.click());
  fill("");
  choice.replaceChildren(
    make("h2", {}, "Move to"),
    names.length > 12 ? search : "",
    found,
    make("button", { type: "button", class: "plain", onclick: () => choice.close() }, "Cancel"),
  );
  choice.showModal();
}

// ---------------------------------------------------------------- doing

async function open(label, start, at = 0) {
  const size = pageSize();
  const page = await ask("cards", { label, start, count: size });
  const turned = label !== view.label || start !== view.start;
  Object.assign(view, { label, start, cards: page.cards, pictures: page.pictures, at });
  showOverview();
  showGrid();
  if (turned && grid.getBoundingClientRect().top < 0) scrollBy({ top: grid.getBoundingClientRect().top - 12 });
  select(at);
  if (start + size < page.pictures) prefetch(label, start + size, size);
}

function openAt(label, place) {
  const size = pageSize();
  return open(label, place - (place % size), place % size);
}

async function prefetch(label, start, count) {
  const next = await server.cards({ label, start, count });
  if (view.label !== label || !next || next.error) return;
  for (const card of next.cards) picture(card.key, false).catch(() => {});
  loadMore();
}

async function turnPage(by) {
  const start = view.start + by * pageSize();
  if (start < 0 ? view.start > 0 : start < view.pictures) await open(view.label, Math.max(0, start), 0);
}

async function step(by) {
  const place = view.at + by, size = pageSize();
  if (place >= view.cards.length && view.start + size < view.pictures) return open(view.label, view.start + size, 0);
  if (place < 0 && view.start > 0) {
    const start = Math.max(0, view.start - size);
    return open(view.label, start, view.start - start - 1);
  }
  return select(place);
}

function click(place) {
  if (place === view.at && grid.children[place].contains(document.activeElement) && clicked === place) openLarge();
  else select(place);
  clicked = place;
}
let clicked = -1;

async function decide(action, to = "") {
  const card = selected();
  if (!card) return;
  const answer = await ask("decide", { key: card.key, action, to });
  Object.assign(card, answer.card);
  view.overview = answer.overview;
  told.textContent = `${spoken(card.label)}, ${card.title || card.name}: ${decided(card)}.`;
  showOverview();
  clicked = -1;
  if (view.at + 1 < view.cards.length) select(view.at + 1);
  else select(view.at);
}

async function takeBack(key) {
  const answer = await ask("undo", { key });
  view.overview = answer.overview;
  if (!answer.card) {
    told.textContent = "There is nothing to undo.";
    return;
  }
  told.textContent = `Taken back: ${answer.card.title || answer.card.name}.`;
  await openAt(answer.label, answer.place);
}

async function applyAll() {
  applyButton.disabled = true;
  const answer = await ask("apply").catch(async (error) => {
    view.overview = { ...view.overview };
    showOverview();
    throw error;
  });
  view.overview = answer.overview;
  const parts = [];
  if (answer.deleted) parts.push(`${plural(answer.deleted, "picture")} deleted (kept in .scrape/removed)`);
  if (answer.moved) parts.push(`${plural(answer.moved, "picture")} moved`);
  told.textContent = `Applied: ${parts.join(", ") || "nothing was left to do"}.`;
  loaded.clear();
  await open(view.label, 0, 0);
}

function columns() {
  return getComputedStyle(grid).gridTemplateColumns.split(" ").length;
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !view.overview || !root.isConnected) return;
  const on = event.target instanceof Element ? event.target : document.body;
  if (on.closest("input, select, textarea")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = choice.open ? null : keyAct(key, on);
  const number = /^[1-9]$/.test(key) && !keys.open ? labels()[Number(key) - 1] : null;
  if (number != null) {
    choice.close();
    inTurn(() => decide("move", number));
  } else if (act) inTurn(act);
  else return;
  event.preventDefault();
}

function keyAct(key, on) {
  if (keys.open) return key === "?" ? () => keys.close() : null;
  const acts = {
    k: () => decide("keep"), d: () => decide("delete"), Delete: () => decide("delete"),
    m: chooseLabel, u: () => takeBack(""), "?": () => keys.showModal(),
    ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    PageUp: () => turnPage(-1), PageDown: () => turnPage(1),
  };
  if (acts[key]) return acts[key];
  if (on.closest("button")) return null; // Enter and Space press it
  if (key === "Enter" || key === " ") return large.open ? () => large.close() : openLarge;
  if (large.open) return null;
  const rows = { ArrowUp: -columns(), ArrowDown: columns() };
  if (key in rows) return () => select(view.at + rows[key] < 0 ? view.at : view.at + rows[key]);
  return { Home: () => select(0), End: () => select(view.cards.length - 1) }[key];
}

async function begin() {
  frame();
  view.overview = await ask("overview");
  const { classes } = view.overview;
  await open((classes.find((one) => one.to_look_at) || classes[0]).label, 0);
}

document.addEventListener("keydown", press);
SMALL_SCREEN.addEventListener("change", () => view.overview && inTurn(() => openAt(view.label, view.start + view.at)));
new ResizeObserver(() => root.style.setProperty("--foot", `${foot.offsetHeight}px`)).observe(foot);
inTurn(begin);
