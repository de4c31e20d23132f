/* The course in this page: the editor, the buttons, and what the page's Python (worker.js) says. */
"use strict";

const LIMIT = 5000; // how long one start or call of the plugin may take, in milliseconds
const KEEP = "docker-plugin-course";
const PLUGIN = "plugin.py";
const part = (name) => document.getElementById(name);
const BUTTONS = ["check", "hint", "diff", "reset"];

// What is kept in this browser

const begin = JSON.parse(part("begin").textContent);
const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(KEEP)) || {};
  } catch {
    return {};
  }
};
const kept = remembered();
let files = kept.files && kept.files[PLUGIN] !== undefined ? kept.files : { ...begin };
let page = kept.page || "part1.html#step-1-1";
let shown = PLUGIN;

let told = "", unkept = "";
const keep = () => {
  const before = unkept;
  try {
    localStorage.setItem(KEEP, JSON.stringify({ files, page }));
    unkept = "";
  } catch {
    unkept = " This browser keeps nothing: take your file along before you close the page.";
  }
  if (unkept !== before) state(told);
};

// two tabs of one browser have one file: the one that was typed into last
addEventListener("storage", (event) => {
  const other = remembered();
  if (event.key !== KEEP || busy || !other.files) return;
  files = other.files;
  page = other.page;
  unmark();
  show(files[shown] === undefined ? PLUGIN : shown);
});

// The editor

const editor = ace.edit("editor", { mode: "ace/mode/python", useWorker: false, tabSize: 4, useSoftTabs: true });
editor.setOptions({ enableKeyboardAccessibility: true, printMarginColumn: 88, fontSize: 14, wrap: true });
editor.textInput.getElement().setAttribute("aria-label", "Your plugin.py");
editor.textInput.getElement().setAttribute("aria-describedby", "keys");
const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => editor.setTheme(dark.matches ? "ace/theme/github_dark" : "ace/theme/github_light_default");
dark.addEventListener("change", dress);
dress();
let marker = 0;

const unmark = () => {
  editor.session.removeMarker(marker);
  editor.session.clearAnnotations();
};

const mark = (where, why) => {
  show(where.file);
  const Range = ace.require("ace/range").Range;
  marker = editor.session.addMarker(new Range(where.line - 1, 0, where.line - 1, 1), "at-fault", "fullLine");
  editor.session.setAnnotations([{ row: where.line - 1, column: 0, text: why, type: "error" }]);
  editor.scrollToLine(where.line, true, true);
};

let filling = false;
const show = (name) => {
  shown = name;
  filling = true;
  if (editor.getValue() !== (files[name] ?? "")) editor.session.setValue(files[name] ?? "");
  filling = false;
  editor.session.setMode(name.endsWith(".py") ? "ace/mode/python" : "ace/mode/text");
  list();
};

const list = () => {
  const names = [PLUGIN, "ddd-tcp.spec", "ddd-tls.json"];
  names.push(...Object.keys(files).filter((name) => !name.startsWith(".") && !names.includes(name)));
  part("file").replaceChildren(...names.map((name) => new Option(name, name, false, name === shown)));
};

editor.on("change", () => {
  if (filling) return;
  const text = editor.getValue();
  // a file of discovery that is empty is not there
  if (text || shown === PLUGIN) files[shown] = text;
  else delete files[shown];
  unmark();
  keep();
});
part("file").addEventListener("change", () => {
  unmark();
  show(part("file").value);
});

// Python

let worker, timer, ready = false, busy = false, asks = null;

const say = (text) => {
  const output = part("output");
  output.append(text);
  output.scrollTop = output.scrollHeight;
};

// a button that is disabled loses the focus of who uses keys
const enable = (button, can) => button.setAttribute("aria-disabled", String(!can));

const state = (text) => {
  told = text;
  part("state").textContent = text + unkept;
  for (const name of BUTTONS) enable(part(name), !busy);
  enable(part("typed").querySelector("button"), !busy);
};

const start = () => {
  ready = false;
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = (event) => heard(JSON.parse(event.data));
  worker.onerror = (event) => heard({ broken: event.message || "the file worker.js was not found" });
};

// only the learner's own code is timed: not what Python loads, and not the checks
const time = (request) => {
  clearTimeout(timer);
  asks = request;
  if (asks !== null) timer = setTimeout(stop, Number(document.body.dataset.limit || LIMIT));
};

const stop = () => {
  worker.terminate();
  busy = false;
  const where = asks ? ` while it answered ${asks}` : " while it started";
  say(`\nYour plugin did not come back within 5 s${where}, and was stopped. Its volumes are gone. ` +
    "Look for a loop that does not end, a sleep, or a lock that is taken twice.\n");
  state("Stopped after 5 s. Python is loading again …");
  start();
};

const heard = (message) => {
  if (message.ready) {
    ready = true;
    document.body.dataset.ready = "yes";
    if (!busy) state("Ready.");
  }
  if (message.broken) {
    busy = false;
    clearTimeout(timer);
    say(`\nPython could not go on: ${message.broken}\nLoad the page again.\n`);
    state("Python could not go on. Load the page again.");
    return;
  }
  if (message.asks !== undefined) time(message.asks);
  if (message.print) say(message.print);
  if (message.step) talk(message);
  if (message.done !== undefined) done(message);
};

const done = (message) => {
  busy = false;
  files = message.files;
  if (page !== message.page) {
    page = message.page;
    read();
  }
  keep();
  show(files[shown] === undefined ? PLUGIN : shown);
  const failed = talks.find((each) => each.mark && each.outcome === "FAIL");
  if (failed && message.done === 1) mark(failed.mark, failed.why);
  present();
  state(message.done === 0 ? "Done." : "Done: something is not there yet.");
  document.body.dataset.done = String(Number(document.body.dataset.done || 0) + 1);
};

const run = (line) => {
  if (busy) return;
  busy = true;
  talks = [];
  unmark();
  part("output").replaceChildren(`$ ${line}\n`);
  state(ready ? "At work …" : "Python is loading, and then runs it …");
  worker.postMessage(JSON.stringify({ line, files }));
};

part("check").addEventListener("click", () => run("./workshop check"));
part("hint").addEventListener("click", () => run("./workshop hint"));
part("diff").addEventListener("click", () => run("./workshop diff"));
part("reset").addEventListener("click", () => {
  if (!busy && confirm("Begin this part again? Your file is kept beside it, under another name.")) {
    const now = files[".progress.json"] ? JSON.parse(files[".progress.json"]).part || 1 : 1;
    run(`./workshop start ${now} --fresh`);
  }
});
part("take").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([files[PLUGIN]], { type: "text/x-python" }));
  link.download = PLUGIN;
  link.click();
  URL.revokeObjectURL(link.href);
  say(`\nSaved ${PLUGIN}. In a clone of the course on a Linux machine, put it into work/ and type\n` +
    "    ./workshop check\n");
});
part("typed").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = part("line").value.trim();
  if (line) run(line);
});

// The conversation, and the tree of the volumes

let talks = [], current = null, call = 0;

const talk = (message) => talks.push(message);

const present = () => {
  const some = talks.filter((each) => each.talk.trees.length);
  if (!some.length) return;
  const last = some.find((each) => each.outcome === "FAIL") ?? some.at(-1);
  const name = (each) => (each.step === "docker" ? "docker" : `step ${each.step}`);
  part("talk").replaceChildren(...some.map((each, at) => new Option(name(each), at, false, each === last)));
  part("talk").onchange = () => draw(some[part("talk").value]);
  draw(last);
};

const draw = (each) => {
  current = each.talk;
  const diagram = document.createElement("plugin-conversation");
  const data = document.createElement("script");
  data.type = "application/jsonl";
  data.textContent = current.recording;
  diagram.append(data);
  diagram.addEventListener("click", (event) => {
    const item = event.composedPath().find((node) => node.nodeName === "LI");
    if (item) choose([...item.parentNode.children].indexOf(item));
  });
  part("diagram").replaceChildren(diagram);
  part("trees").hidden = false;
  const changing = current.trees.findLastIndex(([before, after]) => String(before) !== String(after));
  choose(changing < 0 ? current.trees.length - 1 : changing);
};

const choose = (at) => {
  call = Math.max(0, Math.min(at, current.trees.length - 1));
  const [before, after] = current.trees[call];
  const row = JSON.parse(current.recording.split("\n")[call + 1]);
  part("which").textContent = `Call ${call + 1} of ${current.trees.length}: before and after ${row.path}`;
  const all = [...new Set([...before, ...after])].sort();
  const lines = all.map((path) => {
    const line = document.createElement("li");
    const is = !before.includes(path) ? "new" : !after.includes(path) ? "gone" : "";
    line.className = is;
    line.textContent = `${{ new: "+ ", gone: "- " }[is] ?? "  "}${path}`;
    return line;
  });
  part("tree").replaceChildren(...(lines.length ? lines : [document.createTextNode("(empty)")]));
  enable(part("earlier"), call > 0);
  enable(part("later"), call < current.trees.length - 1);
};
part("earlier").addEventListener("click", () => choose(call - 1));
part("later").addEventListener("click", () => choose(call + 1));

// The page of the step, beside it

const read = () => {
  // it may not be there where this folder is given out alone
  part("step").src = `../${page}`;
};

show(PLUGIN);
read();
start();
document.body.dataset.usable = "yes";
