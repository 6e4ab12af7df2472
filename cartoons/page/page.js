// The buttons below the picture, and paste and drop anywhere on the page. Gradio runs this with `element`, which holds them.
// Every picture goes through Gradio's own file input; what cannot be done is said in a sentence that stays.

const [choose, camera, paste] = element.querySelectorAll("button");
const [chooser, capture] = element.querySelectorAll("input");
const note = element.querySelector("[role=alert]");
const ON_PHONE = matchMedia("(pointer: coarse)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const NO_PICTURE = "That is no picture: copy a picture, or a picture file, then paste it.";

const find = (selector) => document.querySelector(selector);
const isPicture = (item) => item.type.startsWith("image/") || /\.(heic|heif)$/i.test(item.name || "");
const source = (name) => find(`#picture .source-selection button[aria-label="${name}"]`);

function say(sentence) {
  note.textContent = sentence;
}

async function show(file) {
  say("");
  if (!find("#picture input[type=file]")) source("Upload file")?.click(); // the camera is open
  for (let waits = 0; waits < 40 && !find("#picture input[type=file]"); waits += 1) await new Promise((done) => setTimeout(done, 50));
  const input = find("#picture input[type=file]"), data = new DataTransfer();
  data.items.add(file);
  input.files = data.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
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
  return say(NO_PICTURE);
}

function takeFrom(event, files) {
  const file = [...files].find(isPicture) || files[0];
  if (file) show(file);
  else say(NO_PICTURE);
  event.preventDefault();
  event.stopPropagation();
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
document.addEventListener("paste", (event) => event.target.closest?.("input, textarea") || takeFrom(event, event.clipboardData.files), true);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => event.target.closest?.("#picture") || takeFrom(event, event.dataTransfer.files));
addEventListener("offline", () => say("You are offline: a picture can be answered as soon as the connection is back."));
addEventListener("online", () => say(""));

// ---------------------------------------------------------------- what Gradio leaves out

let shown;

function complete() {
  const answer = find("#answer");
  answer?.setAttribute("role", "status");
  find("#picture button.upload-container")?.setAttribute("aria-label", "A picture goes here"); // as is written on it
  const captions = document.querySelectorAll("#about-examples li");
  document.querySelectorAll("#examples button").forEach((button, i) => captions[i] && button.setAttribute("aria-label", captions[i].textContent));
  const title = answer?.querySelector("h2"), isAnswer = title && !answer.querySelector(".empty");
  const words = isAnswer ? "Another picture" : "Choose a photo";
  if (choose.textContent !== words) choose.textContent = words;
  const html = title?.parentElement.outerHTML; // Gradio may keep the elements
  if (html === shown) return;
  shown = html;
  say("");
  if (isAnswer) title.parentElement.scrollIntoView({ block: "nearest", behavior: STILL.matches ? "auto" : "smooth" });
}

new MutationObserver(complete).observe(find("gradio-app") || document.body, { childList: true, subtree: true });
complete();
