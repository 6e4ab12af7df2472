// Many pictures at once: chosen, or dropped with their folders; each is made smaller and uploaded, then all are asked about.
// Gradio runs this with `element`, `props` and `trigger`; page.js makes pictures smaller and hands over what was dropped.

const chooser = element.querySelector("input");
const note = element.querySelector("[role=alert]");
const MOST = 50;
const isHidden = (name) => name.startsWith(".") || name === "Thumbs.db" || name === "desktop.ini";
const tooMany = `These are more than ${MOST} files: choose ${MOST} at a time.`;
let busy = false;

async function below(entry) {
  if (entry.isFile) return [{ file: await new Promise((done, failed) => entry.file(done, failed)), name: entry.fullPath.slice(1) }];
  const found = [], reader = entry.createReader();
  for (let entries = [0]; entries.length && found.length <= MOST; ) {
    entries = await new Promise((done, failed) => reader.readEntries(done, failed)); // some at a time
    for (const each of entries.filter(({ name }) => !isHidden(name)).slice(0, MOST + 1)) found.push(...(await below(each)));
  }
  return found;
}

async function upload({ file, name }) {
  const form = new FormData(), { root, api_prefix: prefix } = window.gradio_config;
  form.append("files", await window.shrunk(file), file.name);
  const response = await fetch(new Request(`${root}${prefix}/upload`, { method: "POST", body: form })); // not the one picture's
  if (!response.ok) throw new Error(`${name}: ${(await response.json()).error}`);
  return { path: (await response.json())[0], orig_name: name };
}

async function ask(found) {
  if (busy) return;
  if (!found.length || found.length > MOST) {
    note.textContent = found.length ? tooMany : "There is no picture in it: choose another.";
    return;
  }
  busy = true;
  const uploads = [];
  try {
    for (const each of found) {
      note.textContent = `Uploading ${uploads.length + 1} of ${found.length}…`;
      uploads.push(await upload(each));
    }
    note.textContent = "";
    props.value = JSON.stringify(uploads);
    trigger("submit");
  } catch (error) {
    note.textContent = error instanceof TypeError ? "The page could not be reached: see whether you are online, then try again." : error.message;
  }
  busy = false;
}

window.takeMany = (data) => {
  // whether what was dropped is more than one picture
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length < 2 && !entries.some((entry) => entry.isDirectory || /\.zip$/i.test(entry.name))) return false;
  Promise.all(entries.map(below)).then((found) => ask(found.flat()), () => (note.textContent = "The folder cannot be read: choose the pictures."));
  element.scrollIntoView({ block: "start" });
  return true;
};

element.querySelector("button").addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => {
  ask([...chooser.files].map((file) => ({ file, name: file.name })));
  chooser.value = "";
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#answers th button");
  if (!button) return;
  const head = button.parentElement, at = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
  const key = ({ cells }) => cells[at]?.dataset.value ?? cells[at]?.innerText ?? "";
  const order = (one, other) => key(one).localeCompare(key(other), undefined, { numeric: true }) * (up ? 1 : -1);
  for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = head.closest("table").tBodies[0];
  body.append(...[...body.rows].sort(order));
});
