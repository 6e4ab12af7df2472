// What the review page shows: labels, cards, the large picture, the choice of a label. Runs after review.js.

function showOverview() {
  const { folder, model, classes, waiting, sure, sure_percent: percent } = view.overview;
  title.textContent = `Review ${folder}`;
  const left = classes.reduce((sum, one) => sum + one.to_look_at, 0);
  const alike = classes.find((one) => one.label === OTHER)?.sure;
  lead.textContent = `${left} to look at${model ? `, most doubted by the model “${model}” first` : ""}`;
  if (alike) lead.append(`. ${alike} of “${spoken(OTHER)}” ${alike === 1 ? "looks" : "look"} exactly like a character`);
  lead.append(". This page moves no file before you press Apply.");
  applyButton.textContent = waiting ? `Apply ${plural(waiting, "decision")}` : "Nothing to apply";
  applyButton.disabled = !waiting;
  showTools(left, classes, sure, percent);
  const focused = [...chips.children].indexOf(document.activeElement);
  chips.replaceChildren(
    ...classes.map(({ label, pictures, to_look_at: unseen }) => {
      const parts = [make("b", {}, spoken(label)), make("span", {}, pictures), unseen ? make("em", {}, `${unseen} to look at`) : ""];
      return button(parts, () => open(label, 0), { "aria-current": label === view.label ? "true" : false });
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
  acceptButton.title += `: move each to the label that it looks like; look at those of “${spoken(OTHER)}” yourself`;
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
  showBar();
  if (bar.hidden) return;
  if (large.open) openLarge();
  else focusCard();
}

function showBar() {
  bar.hidden = !selected();
  if (bar.hidden) return;
  const several = range().length > 1;
  which.replaceChildren(...(several ? [make("b", {}, `${range().length} pictures selected`)] : describe(selected())));
  bar.setAttribute("aria-label", several ? "The selected pictures" : "The selected picture");
  acts.replaceChildren(several ? "" : button(["Large", keyCap("↵")], openLarge, { title: "See it large" }), ...actions(several));
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
    act("Delete", "D", () => decide("delete"), { class: "danger" }),
    !several && card.suggested && move(card.suggested, "suggested"),
    ...(fit ? others : []).filter((label) => several || label !== card.suggested).map((label) => move(label, "wide")),
    others.length && act("Move to…", "M", chooseLabel, { class: fit && "narrow" }),
    !several && card.undoable && act("Take back", "", () => takeBack(card.key)),
    act("Undo", "U", () => takeBack(""), { class: "undo", title: "Undo the last decision" }),
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
