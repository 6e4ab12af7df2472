// The buttons below the picture, and paste and drop anywhere on the page. Gradio runs this with `element`, which holds them.
// A picture's file goes through Gradio's own input, an address to #address; what cannot be done is said and stays.

const [choose, camera, paste] = element.querySelectorAll("button");
const note = element.querySelector("[role=alert]");
const UNREACHABLE = "The page could not be reached: see whether you are online, then try again.";
const INPUT = "#picture input[type=file]";
const LONGEST_PX = 1024; // of what is uploaded: the model sees 224
const SMALL_BYTES = 200_000; // uploaded as it is, whatever its size in pixels

const find = (selector) => document.querySelector(selector);
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
const isPicture = (item) => item.type.startsWith("image/") || /\.(heic|heif)$/i.test(item.name || "");
const source = (name) => find(`#picture .source-selection button[aria-label="${name}"]`);
const say = (sentence) => (note.textContent = sentence);
const fail = (sentence) => begin("", sentence);

let doing = "", failed = false, shown; // what the page is at, in the answer's place; whether it went wrong; the last answer

function begin(words, sentence = "") {
  say(sentence);
  [doing, failed] = [words, Boolean(sentence)];
  settle();
}

async function until(condition) {
  for (let waits = 0; waits < 100 && !condition(); waits += 1) await new Promise((done) => setTimeout(done, 50));
  return condition();
}

async function smaller(file) {
  if (!/^image\/(jpeg|png|webp)$/.test(file.type) || file.size <= SMALL_BYTES) return file;
  const whole = await createImageBitmap(file), scale = LONGEST_PX / Math.max(whole.width, whole.height); // upright
  if (scale >= 1) return file;
  const size = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(...size), pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(whole, 0, 0, ...size);
  whole.close();
  const type = file.type === "image/jpeg" ? file.type : "image/png";
  const blob = await canvas.convertToBlob({ type, quality: 0.92 });
  return blob.size < file.size ? new File([blob], file.name, { type }) : file;
}

window.shrunk = (file) => smaller(file).catch(() => file); // the server says what is wrong with it

async function withInput(act) {
  if (!find(INPUT)) source("Upload file")?.click(); // the camera is open
  const input = await until(() => find(INPUT));
  return input ? act(input) : fail(UNREACHABLE);
}

const chooseFile = (isPhoto) => withInput((input) => {
  input[isPhoto ? "setAttribute" : "removeAttribute"]("capture", "environment");
  Object.assign(input, { value: "" }).click(); // so that the same file can be chosen again
});

const show = (file) => withInput((input) => {
  begin("Uploading…");
  const data = new DataTransfer();
  data.items.add(file);
  input.files = data.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

async function showAddress(address) {
  begin("Fetching the picture…");
  if (!(await until(() => window.giveAddress && find("#picture")))) return fail(UNREACHABLE);
  find("#picture").dataset.address = address;
  return window.giveAddress(address);
}

async function showExample(name) {
  begin("Looking…");
  const isIt = ({ src }) => /([^/]+)\.\w+$/.exec(src)?.[1] === name;
  const example = await until(() => [...document.querySelectorAll("#examples button img")].find(isIt));
  begin("", example ? "" : "There is no such example here: choose one of the drawings, or a picture of yours.");
  example?.click();
}

async function pasteFromClipboard() {
  const data = new DataTransfer();
  try {
    const items = await navigator.clipboard.read();
    for (const [item, type] of items.flatMap((each) => each.types.map((type) => [each, type]))) {
      const file = new File([await item.getType(type)], `pasted.${type.split("/")[1]}`, { type });
      isPicture(file) ? data.items.add(file) : data.setData(type, await file.text());
    }
  } catch {
    return say("This browser does not show the page what was copied: press Ctrl+V, or choose a photo.");
  }
  return take(data);
}

async function take(data, event) {
  event?.preventDefault();
  event?.stopPropagation();
  if (window.takeMany?.(data)) return undefined;
  const file = [...data.files].find(isPicture) || data.files[0];
  const dragged = new DOMParser().parseFromString(data.getData("text/html"), "text/html").querySelector("img")?.src || "";
  const texts = [dragged, data.getData("text/uri-list"), data.getData("text/plain")];
  const address = texts.map((text) => text.trim()).find((text) => /^https?:\/\/\S+$/i.test(text));
  if (file) return show(file);
  if (dragged.startsWith("data:image/") || dragged.startsWith(location.origin)) {
    const blob = await (await fetch(dragged)).blob();
    return show(new File([blob], "dragged", { type: blob.type }));
  }
  return address ? showAddress(address) : say("That is no picture: copy a picture, its file or its address, then paste it.");
}

choose.onclick = () => chooseFile(false);
camera.onclick = () => (matchMedia("(pointer: coarse)").matches ? chooseFile(true) : source("Capture from camera").click());
paste.onclick = pasteFromClipboard;
addEventListener("paste", (event) => event.target.closest?.("input, textarea") || take(event.clipboardData, event), true);
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => take(event.dataTransfer, event), true);
document.addEventListener("answered", () => begin(""));
addEventListener("offline", () => say("You are offline: a picture can be answered as soon as the connection is back."));
addEventListener("online", () => say(""));

const ask = window.fetch;
window.fetch = async (address, options) => {
  const [, what] = (options?.method === "POST" && /\/gradio_api\/(upload|queue\/join)\b/.exec(address)) || [];
  try {
    return await (what === "upload" ? upload(address, options.body) : ask(address, options));
  } catch (error) {
    if (what) fail(UNREACHABLE);
    throw error;
  }
};

async function upload(address, form) {
  begin("Uploading…");
  find("#picture").dataset.address = "";
  const body = new FormData(), request = new XMLHttpRequest();
  for (const file of form.getAll("files")) body.append("files", await window.shrunk(file), file.name);
  request.upload.onprogress = ({ loaded, total }) =>
    begin(loaded < total ? `Uploading ${Math.floor((100 * loaded) / total)} %` : "Looking…");
  request.open("POST", address);
  request.responseType = "json"; // null where it is a proxy's own page
  request.send(body);
  await new Promise((done, broken) => Object.assign(request, { onload: done, onerror: broken }));
  doing = "";
  if (request.status >= 400) fail(request.response?.error || UNREACHABLE);
  return Response.json(request.response, { status: request.status });
}

function settle() { // an answer is seen beside the picture that it is of, and nowhere else
  const image = find("#picture [data-testid] img"), answer = find("#answer");
  if (!answer) return;
  const of = answer.querySelector("[data-picture]")?.dataset.picture;
  const fits = image ? of === /[0-9a-f]{64}/.exec(image.src)?.[0] : !of;
  if (fits && !doing && !failed) delete answer.dataset.doing;
  else answer.dataset.doing = failed ? "" : doing || "Looking…";
  answer.ariaBusy = String(Boolean(answer.dataset.doing));
}

function complete() { // what Gradio leaves out
  const answer = find("#answer"), captions = document.querySelectorAll("#about-examples li");
  answer?.setAttribute("role", "status");
  find("#picture button.upload-container")?.setAttribute("aria-label", "A picture goes here"); // as is written on it
  each("#examples button", (button, i) => captions[i] && button.setAttribute("aria-label", captions[i].textContent));
  each(".api-docs button:not([aria-label])", (button) => {
    if (!button.innerText.trim()) button.ariaLabel = button.closest(".banner-wrap") ? "Close" : "Copy";
  });
  each(".api-docs li:not([role])", (choice) =>
    Object.assign(choice, { role: "button", tabIndex: 0, onkeydown: ({ key }) => key === "Enter" && choice.click() }));
  each(".api-docs pre", (code) => (code.tabIndex = 0));
  settle();
  document.dispatchEvent(new Event("changed")); // for answer.js
  const title = answer?.querySelector("h2"), isAnswer = title && !answer.querySelector(".empty");
  const html = title?.parentElement.outerHTML; // Gradio may keep the elements
  if (!html || html === shown) return;
  const isFirst = !shown;
  shown = html;
  if (isFirst) return;
  begin("");
  choose.textContent = isAnswer ? "Another picture" : "Choose a photo";
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (isAnswer) title.parentElement.scrollIntoView({ block: "nearest", behavior });
}

new MutationObserver(complete).observe(document.body, { childList: true, subtree: true, attributeFilter: ["src"] });
complete();
find("#loading")?.remove();

const asked = new URLSearchParams(location.search);
if (asked.get("example")) showExample(asked.get("example"));
else if (asked.get("picture")) showAddress(asked.get("picture"));
