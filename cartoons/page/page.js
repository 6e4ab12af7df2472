// The buttons below the picture, and paste and drop anywhere on the page. Gradio runs this with `element`, which holds them.
// Every picture file goes through Gradio's own file input, smaller if it is large; an address goes to the component #address.
// What cannot be done is said in a sentence that stays.

const [choose, camera, paste] = element.querySelectorAll("button");
const [chooser, capture] = element.querySelectorAll("input");
const note = element.querySelector("[role=alert]");
const ON_PHONE = matchMedia("(pointer: coarse)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const NO_PICTURE = "That is no picture: copy a picture, its file or its address, then paste it.";
const UNREACHABLE = "The page could not be reached: see whether you are online, then try again.";
const INPUT = "#picture input[type=file]";
const LONGEST_PX = 1024; // of what is uploaded: the model sees 224
const SMALL_BYTES = 200_000; // uploaded as it is, whatever its size in pixels
const SHRUNK = ["image/jpeg", "image/png", "image/webp"];

const find = (selector) => document.querySelector(selector);
const isPicture = (item) => item.type.startsWith("image/") || /\.(heic|heif)$/i.test(item.name || "");
const isAddress = (text) => /^https?:\/\/\S+$/i.test(text);
const exampleOf = (button) => /([^/]+)\.\w+$/.exec(button.querySelector("img")?.src)?.[1] || "";
const source = (name) => find(`#picture .source-selection button[aria-label="${name}"]`);

let doing = ""; // what the page is at, in the answer's place
let failed = false;
const passed = new WeakSet(); // events of ours, for Gradio

const say = (sentence) => (note.textContent = sentence);

function begin(words, sentence = "") {
  say(sentence);
  failed = Boolean(sentence);
  doing = words;
  settle();
}

const fail = (sentence) => begin("", sentence);

async function until(condition) {
  for (let waits = 0; waits < 100 && !condition(); waits += 1) await new Promise((done) => setTimeout(done, 50));
  return condition();
}

async function shrunk(file) {
  if (!SHRUNK.includes(file.type) || file.size <= SMALL_BYTES) return file;
  try {
    const whole = await createImageBitmap(file); // upright
    const scale = LONGEST_PX / Math.max(whole.width, whole.height);
    if (scale >= 1) return file;
    const [width, height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
    const canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(whole, 0, 0, width, height);
    whole.close();
    const blob = await canvas.convertToBlob(file.type === "image/jpeg" ? { type: "image/jpeg", quality: 0.92 } : { type: "image/png" });
    return blob.size < file.size ? new File([blob], file.name, { type: blob.type }) : file;
  } catch {
    return file; // the server says what is wrong with it
  }
}

window.shrunk = shrunk; // for many.js

async function show(file) {
  begin("Uploading…");
  const data = new DataTransfer();
  data.items.add(await shrunk(file));
  if (!find(INPUT)) source("Upload file")?.click(); // the camera is open
  const input = await until(() => find(INPUT));
  if (!input) return fail(UNREACHABLE);
  input.files = data.files;
  const event = new Event("change", { bubbles: true });
  passed.add(event);
  return input.dispatchEvent(event);
}

async function showAddress(address) {
  begin("Fetching the picture…");
  find("#picture").dataset.address = address;
  const give = await until(() => window.giveAddress);
  return give ? give(address) : fail(UNREACHABLE);
}

async function showExample(name) {
  begin("Looking…");
  const button = await until(() => [...document.querySelectorAll("#examples button")].find((each) => exampleOf(each) === name));
  if (!button) return fail("There is no such example here: choose one of the drawings, or a picture of yours.");
  button.click();
  return begin("");
}

async function pasteFromClipboard() {
  let items;
  try {
    items = await navigator.clipboard.read();
  } catch {
    return say("This browser does not show the page what was copied: press Ctrl+V, or choose a photo.");
  }
  for (const item of items) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (type) return show(new File([await item.getType(type)], `pasted.${type.split("/")[1]}`, { type }));
  }
  const texts = items.filter((item) => item.types.includes("text/plain"));
  const text = texts.length ? (await (await texts[0].getType("text/plain")).text()).trim() : "";
  return isAddress(text) ? showAddress(text) : say(NO_PICTURE);
}

async function takeFrom(event, data) {
  event.preventDefault();
  event.stopPropagation();
  if (window.takeMany?.(data)) return undefined;
  const file = [...data.files].find(isPicture) || data.files[0];
  const dragged = new DOMParser().parseFromString(data.getData("text/html"), "text/html").querySelector("img")?.src || "";
  const address = [dragged, data.getData("text/uri-list"), data.getData("text/plain")].map((text) => text.trim()).find(isAddress);
  if (file) return show(file);
  if (dragged.startsWith("data:image/") || dragged.startsWith(location.origin)) {
    const blob = await (await fetch(dragged)).blob();
    return show(new File([blob], "dragged", { type: blob.type }));
  }
  return address ? showAddress(address) : say(NO_PICTURE);
}

choose.addEventListener("click", () => chooser.click());
camera.addEventListener("click", () => (ON_PHONE.matches ? capture.click() : source("Capture from camera").click()));
paste.addEventListener("click", pasteFromClipboard);
for (const input of [chooser, capture]) {
  input.addEventListener("change", () => {
    if (input.files[0]) show(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
}
document.addEventListener("change", (event) => {
  if (passed.has(event) || !event.target.matches?.(INPUT) || !event.target.files[0]) return;
  event.stopImmediatePropagation();
  show(event.target.files[0]);
}, true);
document.addEventListener("paste", (event) => event.target.closest?.("input, textarea") || takeFrom(event, event.clipboardData), true);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => takeFrom(event, event.dataTransfer), true);
document.addEventListener("answered", () => begin(""));
addEventListener("offline", () => say("You are offline: a picture can be answered as soon as the connection is back."));
addEventListener("online", () => say(""));

// ---------------------------------------------------------------- uploads, with a percent, and what becomes of requests

const ask = window.fetch;
window.fetch = async (address, options) => {
  const isUpload = options?.method === "POST" && /\/gradio_api\/upload\b/.test(address);
  const isQuestion = options?.method === "POST" && /\/gradio_api\/queue\/join\b/.test(address);
  if (isUpload) find("#picture").dataset.address = "";
  try {
    return await (isUpload ? upload(address, options.body) : ask(address, options));
  } catch (error) {
    if (isUpload || isQuestion) fail(UNREACHABLE);
    throw error;
  }
};

function reason(response) {
  try {
    return JSON.parse(response).error || UNREACHABLE;
  } catch {
    return UNREACHABLE; // a proxy's own page
  }
}

function upload(address, body) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.upload.onprogress = ({ loaded, total }) => begin(loaded < total ? `Uploading ${Math.floor((100 * loaded) / total)} %` : "Looking…");
    request.onload = () => {
      doing = "";
      if (request.status >= 400) fail(reason(request.response));
      resolve(new Response(request.response, { status: request.status }));
    };
    request.onerror = () => reject(new TypeError("The upload broke off."));
    request.send(body);
  });
}

// ---------------------------------------------------------------- what Gradio leaves out

let shown;

function settle() {
  // an answer is seen beside the picture that it is of, and nowhere else
  const image = find("#picture [data-testid] img"), answer = find("#answer");
  const id = /[0-9a-f]{64}/.exec(image?.src)?.[0];
  if (!answer) return;
  const of = answer.querySelector("[data-picture]")?.dataset.picture, fits = image ? of === id : !of;
  if (fits && !doing && !failed) delete answer.dataset.doing;
  else answer.dataset.doing = failed ? "" : doing || "Looking…";
  answer.setAttribute("aria-busy", String(Boolean(answer.dataset.doing)));
}

function complete() {
  const answer = find("#answer");
  answer?.setAttribute("role", "status");
  find("#picture button.upload-container")?.setAttribute("aria-label", "A picture goes here"); // as is written on it
  const captions = document.querySelectorAll("#about-examples li");
  document.querySelectorAll("#examples button").forEach((button, i) => captions[i] && button.setAttribute("aria-label", captions[i].textContent));
  for (const button of document.querySelectorAll(".api-docs button:not([aria-label])")) {
    if (!button.innerText.trim()) button.setAttribute("aria-label", button.closest(".banner-wrap") ? "Close" : "Copy");
  }
  for (const choice of document.querySelectorAll(".api-docs li:not([role])")) {
    Object.assign(choice, { role: "button", tabIndex: 0, onkeydown: (event) => event.key === "Enter" && choice.click() });
  }
  document.querySelectorAll(".api-docs pre").forEach((code) => (code.tabIndex = 0));
  settle();
  const title = answer?.querySelector("h2"), isAnswer = title && !answer.querySelector(".empty");
  const html = title?.parentElement.outerHTML; // Gradio may keep the elements
  if (!html || html === shown) return;
  const isFirst = shown === undefined;
  shown = html;
  if (isFirst) return;
  begin("");
  const words = isAnswer ? "Another picture" : "Choose a photo";
  if (choose.textContent !== words) choose.textContent = words;
  if (isAnswer) title.parentElement.scrollIntoView({ block: "nearest", behavior: STILL.matches ? "auto" : "smooth" });
}

const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] };
new MutationObserver(complete).observe(find("gradio-app") || document.body, changes);
complete();

const asked = new URLSearchParams(location.search);
if (asked.get("example")) showExample(asked.get("example"));
else if (asked.get("picture")) showAddress(asked.get("picture"));
