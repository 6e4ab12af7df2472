// What can be done with an answer: see where the network looked, pass on a link, copy it, save it as a picture for a link preview.

const [copyLink, copyResult, saveResult] = element.querySelectorAll("button");
const told = element.querySelector("[role=status]");
const WIDTH = 1200, HEIGHT = 630, MARGIN = 60, SIDE = HEIGHT - 2 * MARGIN; // px, the size of link previews
const find = (selector) => document.querySelector(selector);
const image = () => find("#picture img");

function link() {
  // opens with the same picture; the page alone where it is a file of the visitor's own
  const page = location.origin + location.pathname, address = find("#picture").dataset.address;
  const example = [...document.querySelectorAll("#examples img")].find((each) => each.src === image()?.src);
  if (example) return `${page}?example=${encodeURIComponent(/([^/]+)\.\w+$/.exec(example.src)[1])}`;
  return address ? `${page}?picture=${encodeURIComponent(address)}` : page;
}

function words() {
  return [find("#answer h2").innerText, find("#answer p").innerText];
}

async function copy(items, done) {
  try {
    await navigator.clipboard.write([new ClipboardItem(items)]);
    told.textContent = done;
  } catch {
    told.textContent = `This browser does not let the page copy: ${link()}`;
  }
}

const plain = (text) => new Blob([text], { type: "text/plain" });

function lines(pen, text, width) {
  const found = [""];
  for (const word of text.split(" ")) {
    const longer = `${found.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width <= width || !found.at(-1)) found[found.length - 1] = longer;
    else found.push(word);
  }
  return found;
}

function write(pen, text, [left, top], size, weight, most) {
  pen.font = `${weight} ${size}px ui-rounded, system-ui, sans-serif`;
  for (const line of lines(pen, text, SIDE).slice(0, most)) {
    pen.fillText(line, left, (top += size * 1.2), SIDE); // narrower if it is too long
  }
  return top;
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
  const left = WIDTH - MARGIN - SIDE, [title, sentence] = words();
  pen.fillStyle = "#1c1917";
  let top = write(pen, title, [left, MARGIN - 20], title.length > 16 ? 44 : 60, 800, 2);
  pen.fillStyle = "#475569";
  top = write(pen, sentence, [left, top + 8], 24, 400, 2) + 12;
  for (const bar of document.querySelectorAll("#bars li")) {
    const [name, share] = bar.innerText.split(/\s*\n\s*/), hue = bar.style.getPropertyValue("--hue");
    pen.fillStyle = "#1c1917";
    pen.font = "400 24px ui-rounded, system-ui, sans-serif";
    pen.fillText(name, left, (top += 34), SIDE - 90);
    pen.fillText(share, left + SIDE - pen.measureText(share).width, top);
    pen.fillStyle = "#e2e8f0";
    pen.fillRect(left, (top += 8), SIDE, 8);
    pen.fillStyle = hue ? `oklch(55% .15 ${hue})` : "#64748b";
    pen.fillRect(left, top, (SIDE * parseFloat(share)) / 100, 8);
  }
  pen.fillStyle = "#475569";
  pen.font = "400 22px ui-rounded, system-ui, sans-serif";
  pen.fillText(link().replace(/^https?:\/\//, "").slice(0, 120), left, HEIGHT - 36, SIDE);
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
  element.hidden = !now;
  copyLink.hidden = !now || link() === location.origin + location.pathname;
  if (now === answered) return;
  answered = now;
  told.textContent = "";
  light(find("#answer .looked"), false);
}

new MutationObserver(follow).observe(find("gradio-app") || document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
follow();
