// What can be done with an answer: see where the network looked, pass on a link, copy it, save it as a picture for a link preview.

const [copyResult, saveResult, copyLink] = element.querySelectorAll("button");
const told = element.querySelector("[role=status]");
const WIDTH = 1200, HEIGHT = 630, MARGIN = 60, SIDE = HEIGHT - 2 * MARGIN; // px, the size of link previews
const find = (selector) => document.querySelector(selector);
const image = () => find("#picture img");
const plain = (text) => new Blob([text], { type: "text/plain" });

function link() {
  // opens with the same picture; the page alone where it is a file of the visitor's own
  const page = location.origin + location.pathname, address = find("#picture").dataset.address;
  const example = [...document.querySelectorAll("#examples img")].find((each) => each.src === image()?.src);
  if (example) return `${page}?example=${encodeURIComponent(/([^/]+)\.\w+$/.exec(example.src)[1])}`;
  return address ? `${page}?picture=${encodeURIComponent(address)}` : page;
}

const words = () => [find("#answer h2").innerText, find("#answer p").innerText];

async function copy(items, done) {
  try {
    await navigator.clipboard.write([new ClipboardItem(items)]);
    told.textContent = done;
  } catch {
    told.textContent = `This browser does not let the page copy: ${link()}`;
  }
}

function write(pen, text, left, top, size, weight, width) {
  const font = (px) => (pen.font = `${weight} ${px}px ui-rounded, system-ui, sans-serif`);
  font(size);
  font(Math.max(16, Math.min(size, (size * width) / pen.measureText(text).width))); // smaller if it is long
  pen.fillText(text, left, top, width);
}

function draw() {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d"), picture = image();
  Object.assign(canvas, { width: WIDTH, height: HEIGHT });
  pen.fillStyle = "#fffbeb";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = "#fbbf24";
  pen.fillRect(0, HEIGHT - 16, WIDTH, 16);
  const scale = SIDE / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  pen.drawImage(picture, MARGIN + (SIDE - width) / 2, MARGIN + (SIDE - height) / 2, width, height);
  const left = WIDTH - MARGIN - SIDE, bars = [...document.querySelectorAll("#bars li")];
  pen.fillStyle = "#1c1917";
  write(pen, words()[0], left, MARGIN + 56, 60, 800, SIDE);
  for (const [row, bar] of bars.entries()) {
    const [name, share] = bar.innerText.split(/\s*\n\s*/), hue = bar.style.getPropertyValue("--hue"), top = MARGIN + 130 + 62 * row;
    pen.fillStyle = "#1c1917";
    write(pen, name, left, top, 28, 400, SIDE - 90);
    write(pen, share, left + SIDE - 70, top, 28, 600, 70);
    for (const [colour, width] of [["#e2e8f0", 100], [hue ? `oklch(55% .15 ${hue})` : "#64748b", parseFloat(share)]]) {
      pen.fillStyle = colour;
      pen.fillRect(left, top + 12, (SIDE * width) / 100, 10);
    }
  }
  pen.fillStyle = "#475569";
  write(pen, link().replace(/^https?:\/\//, "").slice(0, 90), left, HEIGHT - 40, 24, 400, SIDE);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

copyLink.addEventListener("click", () => copy({ "text/plain": plain(link()) }, "The link is copied: it opens with this answer."));
copyResult.addEventListener("click", () => {
  const [title, sentence] = words();
  copy({ "text/plain": plain(`${title} (${sentence}) ${link()}`), "image/png": draw() }, "The result is copied, as a picture and as text.");
});
saveResult.addEventListener("click", async () => {
  const address = URL.createObjectURL(await draw()), name = `${words()[0].toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.png`;
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  told.textContent = `Saved as ${name}.`;
});

// ---------------------------------------------------------------- where it looked

function light(button, isOn) {
  const picture = find("#picture");
  button?.setAttribute("aria-pressed", String(isOn));
  picture.classList.toggle("lit", isOn);
  picture.style.setProperty("--mask", isOn ? `url("${button.value}")` : "none");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#answer .looked");
  if (button) light(button, button.getAttribute("aria-pressed") !== "true");
});

let answered;

function follow() {
  const now = find("#answer [data-picture]")?.dataset.picture || "";
  find("#share").hidden = !now;
  copyLink.hidden = !now || link() === location.origin + location.pathname;
  if (now === answered) return;
  answered = now;
  told.textContent = "";
  light(find("#answer .looked"), false);
}

const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] };
new MutationObserver(follow).observe(find("gradio-app") || document.body, changes);
follow();
