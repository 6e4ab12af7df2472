// The buttons below the picture, and paste and drop anywhere on the page. Gradio runs this with `element`, which holds them.
// A picture's file goes through Gradio's own input, an address to #address. WORDS: of sentences.py, said and staying.

const [choose, camera, paste] = element.querySelectorAll("button"), note = element.querySelector("[role=alert]");
const INPUT = "#picture input[type=file]";
const LONGEST_PX = 1024; // of what is uploaded: the model sees a quarter
const SMALL_BYTES = 200_000, WHOLE_BYTES = 8_000_000, SLOW_MS = 200; // sent as it is; as it is at first, and for so long

const find = (selector) => document.querySelector(selector);
const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
const isPicture = (item) => item.type.startsWith("image/") || /\.(heic|heif)$/i.test(item.name || "");
const source = (name) => find(`#picture .source-selection button[aria-label="${name}"]`);
const say = (sentence) => (note.textContent = sentence), fail = (sentence) => begin("", sentence);
const answered = () => find("#answer [data-picture]")?.dataset.picture ?? ""; // which picture the answer is of

let doing = "", failed = false, taken = true; // what the page is at; whether that failed; whether the last upload came
let shown, asked; // the answer; of which picture

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
  const type = file.type === "image/jpeg" ? file.type : "image/png";
  const blob = await canvas.convertToBlob({ type, quality: 0.92 });
  return blob.size < file.size ? new File([blob], file.name, { type }) : file;
}
window.shrunk = (file) => smaller(file).catch(() => file); // the server says what is wrong with it

async function withInput(act) {
  if (!find(INPUT)) source("Upload file")?.click(); // the camera is open
  const input = await until(() => find(INPUT));
  return input ? act(input) : fail(WORDS.unreachable);
}
const chooseFile = (isPhoto) => withInput((input) => {
  input[isPhoto ? "setAttribute" : "removeAttribute"]("capture", "environment");
  Object.assign(input, { value: "" }).click(); // so that the same file can be chosen again
});
const show = (file) => withInput((input) => {
  begin(`${WORDS.uploading}…`);
  const data = new DataTransfer();
  data.items.add(file);
  input.files = data.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

async function showAddress(address) {
  begin(WORDS.fetching);
  if (!(await until(() => window.giveAddress && find("#picture")))) return fail(WORDS.unreachable);
  find("#picture").dataset.address = address;
  return window.giveAddress(address);
}

async function showExample(name) {
  begin(WORDS.looking);
  const isIt = ({ src }) => /([^/]+)\.\w+$/.exec(src)?.[1] === name;
  const example = await until(() => [...document.querySelectorAll("#examples button img")].find(isIt));
  begin("", example ? "" : WORDS.noExample);
  example?.click();
}

async function pasteFromClipboard() {
  const data = new DataTransfer(), items = await navigator.clipboard.read().catch(() => undefined);
  if (!items) return say(WORDS.noClipboard);
  for (const [item, type] of items.flatMap((each) => each.types.map((type) => [each, type]))) {
    const file = new File([await item.getType(type)], `pasted.${type.split("/")[1]}`, { type });
    isPicture(file) ? data.items.add(file) : data.setData(type, await file.text());
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
  return address ? showAddress(address) : say(WORDS.noPicture);
}

choose.onclick = () => chooseFile(false);
camera.onclick = () => (matchMedia("(pointer: coarse)").matches ? chooseFile(true) : source("Capture from camera").click());
paste.onclick = pasteFromClipboard;
addEventListener("paste", (event) => event.target.closest?.("input, textarea") || take(event.clipboardData, event), true);
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => take(event.dataTransfer, event), true);
document.addEventListener("answered", () => begin(""));
addEventListener("offline", () => say(WORDS.offline));
addEventListener("online", () => say(""));
const ask = window.fetch;
window.fetch = (address, options) => {
  if (/gradio_api\/upload_progress/.test(address.url)) return new Promise(() => {}); // it is told here
  const [, what] = (options?.method === "POST" && /\/gradio_api\/(upload|run|queue\/join)\b/.exec(address)) || [];
  const answer = what === "upload" ? upload(address, options.body) : ask(address, options);
  if (what) answer.catch(() => fail(WORDS.unreachable));
  return answer;
};

function post(address, file) {
  const request = Object.assign(new XMLHttpRequest(), { left: file.size }); // bytes to send
  request.upload.onprogress = ({ loaded, total }) => {
    request.left = total - loaded;
    begin(request.left ? `${WORDS.uploading} ${Math.floor((100 * loaded) / total)}%` : WORDS.looking);
  };
  request.open("POST", address);
  request.responseType = "json"; // null where it is a proxy's own page
  request.done = new Promise((onload, onerror) => Object.assign(request, { onload, onerror }));
  request.send(file);
  return request;
}
async function upload(address, form) { // in place of Gradio's: the answer comes with it
  begin(`${WORDS.uploading}…`);
  [taken, find("#picture").dataset.address] = [false, ""];
  const to = address.replace(/gradio_api\/upload.*/, "api/answer"), file = form.get("files");
  const isWhole = file.type === "image/jpeg" && file.size < WHOLE_BYTES; // a fast line has sent it before it is smaller
  let sent = post(to, isWhole ? file : await window.shrunk(file));
  if (isWhole) await Promise.race([sent.done, new Promise((done) => setTimeout(done, SLOW_MS))]);
  const small = isWhole && sent.left > SMALL_BYTES ? await window.shrunk(file) : file;
  if (small.size < sent.left) { sent.abort(); sent = post(to, small); }
  await sent.done;
  const { path, answer, error } = sent.response ?? {};
  [doing, taken] = ["", Boolean(path)];
  if (!taken) fail(error || WORDS.unreachable);
  if (answer) window.showAnswer(answer);
  return Response.json(path ? [path] : { error }, { status: path ? 200 : 400 });
}

const idOf = (address) => /[0-9a-f]{64}/.exec(address)?.[0] ?? "";
window.needsAnswer = async (picture) => { // throws if not: Gradio also tells of what is uploading, answered or asked about
  await new Promise((done) => setTimeout(done)); // an answer that came with its picture is shown by now
  const id = idOf(picture?.path);
  taken ||= Boolean(id);
  if (id ? id === asked : doing || !taken || find("#answer .problem")) throw new Error("Nothing to ask.");
  asked = id;
  begin("");
};
function settle() { // an answer is seen beside the picture that it is of, and nowhere else
  const image = find("#picture [data-testid] img"), answer = find("#answer");
  if (!answer) return;
  if (answered() === idOf(image?.src) && !doing && !failed) delete answer.dataset.doing;
  else answer.dataset.doing = failed ? "" : doing || WORDS.looking;
  answer.ariaBusy = String(Boolean(answer.dataset.doing));
}

function complete() { // what Gradio leaves out
  const answer = find("#answer"), captions = document.querySelectorAll("#about-examples li");
  answer?.setAttribute("role", "status");
  find("#picture button.upload-container")?.setAttribute("aria-label", WORDS.placeholder); // as is written on it
  each("#examples button", (button, i) => captions[i] && button.setAttribute("aria-label", captions[i].textContent));
  each(".api-docs button:not([aria-label])", (button) => {
    if (!button.innerText.trim()) button.ariaLabel = button.closest(".banner-wrap") ? WORDS.close : WORDS.copy;
  });
  each(".api-docs li:not([role])", (choice) =>
    Object.assign(choice, { role: "button", tabIndex: 0, onkeydown: ({ key }) => key === "Enter" && choice.click() }));
  if (failed) each("[data-testid=toast-close]", (close) => close.click()); // it is said already, and in words
  each(".api-docs pre", (code) => (code.tabIndex = 0));
  settle();
  document.dispatchEvent(new Event("changed")); // for answer.js
  const html = answer?.querySelector("h2")?.parentElement.outerHTML; // Gradio may keep the elements
  if (!html || html === shown) return;
  const isFirst = !shown;
  [shown, asked] = [html, answered()];
  if (isFirst) return;
  begin("");
  choose.textContent = asked ? WORDS.another : WORDS.choose;
  const [top, bottom] = [find("#picture"), find("#answer .looked") ?? find("#answer h2 + p")];
  const isSeen = top.getBoundingClientRect().top >= 0 && bottom.getBoundingClientRect().bottom <= innerHeight;
  if (isSeen || answer.querySelector(".empty")) return;
  top.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion)").matches ? "auto" : "smooth" }); // on a phone
}

new MutationObserver(complete).observe(document.body, { childList: true, subtree: true, attributeFilter: ["src"] });
complete();
find("#loading")?.remove();
const query = new URLSearchParams(location.search);
if (query.get("example")) showExample(query.get("example"));
else if (query.get("picture")) showAddress(query.get("picture"));
