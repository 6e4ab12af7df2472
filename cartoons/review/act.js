// What the review page does by key, click and time. Runs after show.js; its last line begins.

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
  await update();
}

async function comeBack() { // perhaps from another page of this folder
  await ask("overview");
  await update();
}

async function update() {
  const focused = document.activeElement, isElsewhere = focused !== document.body && !grid.contains(focused);
  if (view.order === view.overview.order) {
    const { cards } = await ask("cards", { label: view.label, start: view.start, count: pageSize() });
    cards.forEach((card, k) => view.cards[k]?.key === card.key && Object.assign(view.cards[k], card));
    view.cards.forEach((card, k) => dress(grid.children[k], card, k));
    showOverview();
    if (!bar.contains(focused)) showBar();
  } else if (view.untouched || !selected()) {
    await openFirst();
  } else {
    const { label, place } = await ask("place", { key: selected().key });
    await openAt(label, place);
  }
  if (isElsewhere && focused.isConnected) focused.focus();
}

document.addEventListener("keydown", press);
addEventListener("focus", () => view.overview && inTurn(comeBack));
SMALL_SCREEN.addEventListener("change", () => view.overview && inTurn(() => openAt(view.label, view.start + view.at)));
new ResizeObserver(() => root.style.setProperty("--foot", `${foot.offsetHeight}px`)).observe(foot);
inTurn(begin);
