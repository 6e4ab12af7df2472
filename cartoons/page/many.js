// Many pictures at once: chosen, or dropped with their folders; each is made smaller and uploaded, then all are asked about.
// Gradio runs this with `element`, `props` and `trigger`; page.js makes pictures smaller and hands over what was dropped.

const [chooser, note] = [element.querySelector("input"), element.querySelector("[role=alert]")];
const isHidden = (name) => name.startsWith(".") || name === "Thumbs.db" || name === "desktop.ini";
const say = (sentence) => (note.textContent = sentence);
let busy = false;

async function below(entry) {
  if (entry.isFile) return [{ file: await new Promise((...ends) => entry.file(...ends)), name: entry.fullPath.slice(1) }];
  const found = [], reader = entry.createReader();
  for (let entries = [0]; entries.length && found.length <= MOST; ) {
    entries = await new Promise((...ends) => reader.readEntries(...ends)); // some at a time
    for (const each of entries.filter(({ name }) => !isHidden(name)).slice(0, MOST + 1)) found.push(...(await below(each)));
  }
  return found;
}

async function upload({ file, name }) {
  const form = new FormData(), { root, api_prefix: prefix } = window.gradio_config;
  form.append("files", await window.shrunk(file), file.name);
  const request = new Request(`${root}${prefix}/upload`, { method: "POST", body: form }); // not the one picture's
  const response = await fetch(request), said = await response.json();
  if (!response.ok) throw new Error(`${name}: ${said.error}`);
  return { path: said[0], orig_name: name };
}

async function ask(found) {
  if (!found.length) return WORDS.noneInIt;
  if (found.length > MOST) return WORDS.tooMany;
  const uploads = [];
  for (const each of found) {
    say(`${WORDS.uploading} ${uploads.length + 1} ${WORDS.of} ${found.length}…`);
    uploads.push(await upload(each));
  }
  props.value = JSON.stringify(uploads);
  trigger("submit");
  return "";
}

async function start(found) {
  if (busy) return;
  busy = true;
  say(await ask(found).catch((error) => (error.name === "Error" ? error.message : WORDS.unreachable)));
  busy = false;
}

window.takeMany = (data) => { // whether what was dropped is more than one picture
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length < 2 && !entries.some((entry) => entry.isDirectory || /\.zip$/i.test(entry.name))) return false;
  const found = Promise.all(entries.map(below)).then((each) => each.flat());
  found.then(start, () => say(WORDS.noFolder));
  element.scrollIntoView({ block: "start" });
  return true;
};

element.querySelector("button").addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => {
  start([...chooser.files].map((file) => ({ file, name: file.name })));
  chooser.value = "";
});
document.addEventListener("click", ({ target }) => {
  const head = target.closest?.("#answers th button")?.parentElement;
  if (!head) return;
  const to = head.ariaSort === "ascending" ? "descending" : "ascending", [body] = head.closest("table").tBodies;
  const key = ({ cells }) => cells[head.cellIndex]?.dataset.value ?? cells[head.cellIndex]?.innerText ?? "";
  const rows = [...body.rows].sort((one, other) => key(one).localeCompare(key(other), undefined, { numeric: true }));
  for (const each of head.parentElement.cells) each.ariaSort = each === head ? to : null;
  body.append(...(to === "ascending" ? rows : rows.reverse()));
});
