// What can be done with an answer: see where the network looked, copy or save it as a picture for a preview, pass on a link.

const [copyResult, saveResult, copyLink] = element.querySelectorAll("button");
const told = element.querySelector("[role=status]");
let answered; // which picture, when looked at last
const find = (selector) => document.querySelector(selector);
const plain = (text) => new Blob([text], { type: "text/plain" });
const words = () => [find("#answer h2").innerText, find("#answer p").innerText];

function link() { // opens with the same picture; the page alone where it is a file of the visitor's own
  const page = location.origin + location.pathname, address = find("#picture")?.dataset.address;
  const example = [...document.querySelectorAll("#examples img")].find((each) => each.src === find("#picture img")?.src);
  if (example) return `${page}?example=${encodeURIComponent(/([^/]+)\.\w+$/.exec(example.src)[1])}`;
  return address ? `${page}?picture=${encodeURIComponent(address)}` : page;
}

async function copy(items, done) {
  const copied = async () => navigator.clipboard.write([new ClipboardItem(items)]);
  told.textContent = await copied().then(() => done, () => `${WORDS.cannotCopy} ${link()}`);
}

async function draw() {
  const canvas = new OffscreenCanvas(1200, 630), pen = canvas.getContext("2d");
  const card = new Image(), picture = find("#picture img");
  card.src = `data:image/svg+xml,${encodeURIComponent(find("#answer [data-card]").dataset.card)}`; // of result_card.py
  await Promise.all([card, picture].map((each) => each.decode())); // the picture may still be on its way
  pen.drawImage(card, 0, 0);
  const scale = 510 / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  pen.drawImage(picture, 315 - width / 2, 315 - height / 2, width, height);
  Object.assign(pen, { fillStyle: "#475569", font: "24px ui-rounded, system-ui, sans-serif" });
  pen.fillText(link().replace(/^https?:\/\//, "").slice(0, 90), 630, 590, 510);
  return canvas.convertToBlob();
}

copyLink.onclick = () => copy({ "text/plain": plain(link()) }, WORDS[link().includes("?") ? "linkCopied" : "pageCopied"]);
copyResult.onclick = () => {
  const text = plain(`${words()[0]} (${words()[1]}) ${link()}`);
  copy({ "text/plain": text, "image/png": draw() }, WORDS.resultCopied);
};
saveResult.onclick = async () => {
  const name = `${words()[0].toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.png`, href = URL.createObjectURL(await draw());
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
  told.textContent = `${WORDS.savedAs} ${name}.`;
};
document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("#answer .looked");
  if (!button) return;
  button.ariaPressed = String(button.ariaPressed !== "true");
  find("#picture").style.setProperty("--mask", `url("${button.value}")`);
});

function follow() {
  const now = find("#answer [data-picture]")?.dataset.picture || "";
  element.closest("#share").hidden = !now;
  if (now === answered) return;
  answered = now;
  told.textContent = "";
  find("#answer .looked")?.setAttribute("aria-pressed", "false"); // Gradio may keep the element
}

document.addEventListener("changed", follow); // of page.js
follow();
