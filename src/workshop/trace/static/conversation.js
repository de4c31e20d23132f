/* <plugin-conversation>: what a Docker daemon and its plugin say to each other, as a sequence diagram that is a list.

   Three ways to give it a conversation (the format is in docs/trace.md):
     <plugin-conversation live="events">                           server-sent events of `./workshop trace --web`
     <plugin-conversation src="traces/20.10/run.jsonl">            fetched, where a page may fetch
     <plugin-conversation><script type="application/jsonl">…       in the page itself: works from file://, too
   theme="light" or theme="dark" says what the page around it is; without it the reader's own choice counts.
   calls="3" shows the first three calls and nothing around them: a slide goes on call by call. */
"use strict";

(() => {
  const DARK = `
    --ink: #e8edf3; --soft: #b3bfcc; --paper: #19212b; --line: #4b5866; --shade: #222c38;
    --daemon: #8cc0ff; --plugin: #86d9a6; --folder: #e3b878; --bad: #ff9d94; --on-bad: #2b0805; --focus: #ffd166;`;

  const STYLE = `
    :host {
      --ink: #17202b; --soft: #4a5763; --paper: #ffffff; --line: #aab4bf; --shade: #eef2f6;
      --daemon: #0a58a6; --plugin: #14653a; --folder: #7d4e00; --bad: #b3261e; --on-bad: #ffffff; --focus: #b35900;
      display: block; color: var(--ink); background: var(--paper); border: 1px solid var(--line);
      border-radius: 0.5em; font-size: 1em; line-height: 1.4; text-align: left; overflow: clip;
    }
    @media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
    :host([theme="dark"]) { ${DARK} }
    .root { container-type: inline-size; }
    .inner {
      --left: 7.5em; --right: 4.5em;
      --at-daemon: var(--left);
      --at-plugin: calc(var(--left) + (100% - var(--left) - var(--right)) * 0.64);
      --at-folder: calc(100% - var(--right));
    }
    [hidden] { display: none !important; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

    header { display: flex; flex-wrap: wrap; align-items: center; gap: 0.35em 1.25em; padding: 0.6em 0.9em; }
    .title { font-weight: 600; overflow-wrap: anywhere; }
    .state, .count, .foot { color: var(--soft); font-size: 0.9em; }
    .state.off { color: var(--bad); font-weight: 600; }
    .filter { margin-left: auto; display: flex; align-items: center; gap: 0.5em; }
    select {
      font: inherit; color: var(--ink); background: var(--paper); max-width: 16em;
      border: 1px solid var(--soft); border-radius: 0.3em; padding: 0.2em 0.4em;
    }

    .who {
      position: sticky; top: 0; z-index: 2; height: 2.2em; background: var(--paper);
      border-bottom: 1px solid var(--line); border-top: 1px solid var(--line);
    }
    .who span {
      position: absolute; top: 0.3em; transform: translateX(-50%); white-space: nowrap; font-weight: 600;
      padding: 0 0.6em; border-radius: 0.3em;
    }
    .who .daemon { left: var(--at-daemon); color: var(--daemon); }
    .who .plugin { left: var(--at-plugin); color: var(--plugin); }
    .who .folder { left: var(--at-folder); color: var(--folder); }

    .board { position: relative; min-height: 3em; }
    .life { position: absolute; top: 0; bottom: 0; width: 0; border-left: 2px solid; opacity: 0.55; margin-left: -1px; }
    .life.daemon { left: var(--at-daemon); border-color: var(--daemon); }
    .life.plugin { left: var(--at-plugin); border-color: var(--plugin); }
    .life.folder { left: var(--at-folder); border-color: var(--folder); border-left-style: dashed; }

    ol { list-style: none; margin: 0; padding: 0.4em 0 0.8em; position: relative; }
    li { content-visibility: auto; contain-intrinsic-size: auto 4.6em; margin: 0; }
    .call {
      all: unset; box-sizing: border-box; display: grid; width: 100%; cursor: pointer; padding: 0.3em 0;
      grid-template-columns: var(--left) minmax(0, 64fr) minmax(0, 36fr) var(--right);
    }
    .call:hover, .call[aria-expanded="true"] { background: color-mix(in srgb, var(--daemon) 9%, transparent); }
    .call:focus-visible { outline: 3px solid var(--focus); outline-offset: -3px; border-radius: 0.3em; }
    .time {
      grid-column: 1; grid-row: 1; padding: 0 0.7em; text-align: right; color: var(--soft);
      font-size: 0.85em; line-height: 1.65; font-variant-numeric: tabular-nums; white-space: nowrap;
    }
    .ask, .say, .effect { padding: 0 0.9em 0.3em; overflow-wrap: anywhere; position: relative; border-bottom: 2px solid; }
    .ask { grid-column: 2; grid-row: 1; border-color: var(--daemon); }
    .say { grid-column: 2; grid-row: 2; padding-top: 0.25em; border-color: var(--plugin); border-bottom-style: dashed; text-align: right; }
    .effect { grid-column: 3; grid-row: 2; padding-top: 0.25em; align-self: end; border-color: var(--folder); color: var(--folder); }
    .ask::after, .say::after, .effect::after {
      content: ""; position: absolute; bottom: -1px; width: 0.55em; height: 0.55em; box-sizing: border-box;
      border-top: 2px solid; border-right: 2px solid; border-color: inherit; transform-origin: center;
    }
    .ask::after, .effect::after { right: 0.15em; transform: translateY(50%) rotate(45deg); }
    .say::after { left: 0.15em; transform: translateY(50%) rotate(-135deg); }
    .method { font-weight: 600; color: var(--daemon); }
    .space { color: var(--soft); font-weight: 400; }
    .volume { margin-left: 0.2em; }
    .took { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
    .error .say { border-color: var(--bad); }
    .error .say b { color: var(--on-bad); background: var(--bad); border-radius: 0.25em; padding: 0 0.4em; margin-right: 0.35em; }
    .error .what { color: var(--bad); }
    .pending .say { border-color: transparent; color: var(--soft); }
    .pending .say::after { content: none; }

    .note { padding: 0.35em 0.9em 0.35em calc(var(--left) + 1em); }
    .note p {
      margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--shade);
      border-left: 3px solid var(--plugin); border-radius: 0.2em; padding: 0.35em 0.7em; font-size: 0.92em;
    }
    .detail {
      display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.8em;
      margin: 0.2em 0.9em 0.9em; padding: 0.8em; background: var(--shade); border: 1px solid var(--line); border-radius: 0.4em;
    }
    .detail h4 { margin: 0 0 0.3em; font-size: 0.92em; color: var(--daemon); }
    .detail div + div h4 { color: var(--plugin); }
    pre {
      margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 24em; overflow: auto; color: var(--ink);
      font: 0.85em/1.5 ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace;
      background: none; text-align: left;
    }
    pre:focus-visible, select:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
    .empty { margin: 0; padding: 1.2em 0.9em; position: relative; }
    .empty code { background: var(--shade); padding: 0.1em 0.4em; border-radius: 0.25em; font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
    .empty span { background: var(--paper); padding: 0.2em 0.4em; }
    .foot { margin: 0; padding: 0.5em 0.9em; border-top: 1px solid var(--line); }

    :host([calls]) :is(header, .foot, .time) { display: none; }
    :host([calls]) ol { padding: 0.2em 0; }
    :host([calls]) li { content-visibility: visible; }
    :host([calls]) .call { padding: 0.1em 0; }
    :host([calls]) :is(.ask, .say, .effect) { padding-top: 0; padding-bottom: 0.1em; }
    .later { visibility: hidden; }

    @media (prefers-reduced-motion: no-preference) {
      .fresh { animation: come 0.35s ease-out; }
      @keyframes come { from { opacity: 0; } }
    }
    @container (max-width: 44em) {
      .inner { --left: 1.1em; --right: 1.1em; }
      .who .daemon, .who .folder { transform: none; }
      .who .daemon { left: 0.2em; }
      .who .folder { left: auto; right: 0.2em; }
      .who span { padding: 0 0.3em; font-size: 0.92em; }
      .time { grid-column: 3 / 5; text-align: left; }
      .space { display: none; }
      .ask, .say, .effect { padding-left: 0.6em; padding-right: 0.6em; }
      .note { padding-left: 1.8em; }
      .detail { grid-template-columns: minmax(0, 1fr); margin: 0.2em 0.3em 0.9em; }
      .filter { margin-left: 0; }
    }
  `;

  const BODY = `
    <div class="root"><div class="inner">
      <header>
        <span class="title"></span><span class="count"></span><span class="state" role="status"></span>
        <label class="filter">Volume <select><option value="">all calls</option></select></label>
      </header>
      <div class="who" aria-hidden="true">
        <span class="daemon">Docker daemon</span><span class="plugin">plugin</span><span class="folder">volumes</span>
      </div>
      <div class="board">
        <i class="life daemon" aria-hidden="true"></i><i class="life plugin" aria-hidden="true"></i>
        <i class="life folder" aria-hidden="true"></i>
        <p class="empty" hidden></p>
        <ol aria-label="The conversation between Docker and its plugin"></ol>
      </div>
      <p class="foot">What the plugin does in its volumes folder is inferred from its answers.
        Arrow keys move, Enter opens a call, Escape closes it.</p>
    </div></div>`;

  // what an answer without an error means for the folder, on the course's plugin and on most others
  const EFFECTS = {
    "VolumeDriver.Create": (name) => `makes volumes/${name}`,
    "VolumeDriver.Remove": (name) => `removes volumes/${name}`,
    "VolumeDriver.Mount": () => "adds a mount",
    "VolumeDriver.Unmount": () => "takes a mount away",
  };

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);

  const make = (kind, className, ...children) => {
    const element = document.createElement(kind);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };

  const unseen = (text) => make("span", "unseen", text);

  const parsed = (text) => {
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" ? value : {};
    } catch {
      return {};
    }
  };

  // Go reads the keys of JSON in any case
  const member = (object, name) => {
    const key = Object.keys(object).find((each) => each.toLowerCase() === name.toLowerCase());
    return typeof object[key] === "string" ? object[key] : "";
  };

  const volumeOf = (row) => member(parsed(row.request || ""), "Name");

  // Docker takes for success: status 200, and nothing in Err
  const errorOf = (row) => {
    if (row.pending) return "";
    if (row.failure) return row.failure;
    const said = member(parsed(row.answer || ""), "Err");
    return row.status !== 200 ? `${row.status} ${said || row.reason}` : said;
  };

  const tookOf = (row) => (row.took >= 10 ? `${row.took.toFixed(1)} s` : `${(row.took * 1000).toFixed(1)} ms`);

  const timeOf = (row) => {
    if (!row.clock) return row.at === undefined ? "" : `${row.at.toFixed(3)} s`;
    const when = new Date(row.clock * 1000);
    const two = (number, length = 2) => String(number).padStart(length, "0");
    return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${two(when.getMilliseconds(), 3)}`;
  };

  const bodyOf = (row, name) => {
    const size = row[`${name}_size`];
    const cut = size ? `\n\n(cut: the body has ${size} bytes)` : "";
    const coded = row[`${name}_base64`];
    if (coded !== undefined) return `(no text; in base64)\n${coded}${cut}`;
    return (row[name] || "(empty body)") + cut;
  };

  const asWritten = (first, headers, body) =>
    [first, ...headers.map(([name, value]) => `${name}: ${value}`), "", body].join("\n");

  const panel = (title, text) => {
    const pre = make("pre", "", text);
    pre.tabIndex = 0;
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", title);
    return make("div", "", make("h4", "", title), pre);
  };

  const detail = (row) => {
    const request = row.method ? `${row.method} ${row.path} HTTP/1.1` : "(nothing that can be read)";
    const waiting = row.pending ? "(no answer yet)" : "";
    const answer = row.status
      ? asWritten(`${row.status} ${row.reason}`, row.answer_headers, bodyOf(row, "answer"))
      : waiting;
    const failure = row.failure ? `${answer ? "\n\n" : ""}(${row.failure})` : "";
    return make("div", "detail",
      panel("Request", asWritten(request, row.request_headers, bodyOf(row, "request"))),
      panel("Answer", answer + failure));
  };

  const asked = (row) => {
    const [space, method] = row.path.replace(/^\//, "").match(/^(.*\.)?([^.]*)$/s)?.slice(1) ?? ["", row.path];
    // Docker asks with POST alone
    const other = row.method && row.method !== "POST" ? `${row.method} ` : "";
    const line = make("span", "ask", unseen("Docker asks: "), other, make("span", "space", space || ""));
    line.append(make("span", "method", method || row.path || "(not HTTP)"));
    const volume = volumeOf(row);
    if (volume) line.append(" ", make("span", "volume", volume.length > 40 ? `${volume.slice(0, 12)}…` : volume));
    return line;
  };

  const answered = (row) => {
    if (row.pending) return make("span", "say", unseen(". "), "waiting for the answer …");
    const error = errorOf(row);
    const line = make("span", "say", unseen(". The plugin answers: "));
    if (error) line.append(make("b", "", row.status ? "Error" : "No answer"), " ");
    const what = error || `${row.status} ${row.reason}`;
    line.append(make("span", "what", what.length > 160 ? `${what.slice(0, 160)}…` : what));
    if (row.took !== undefined) line.append(" ", make("span", "took", `· ${tookOf(row)}`));
    return line;
  };

  const effect = (row) => {
    const text = EFFECTS[row.path.slice(1)];
    if (!text || row.pending || errorOf(row)) return [];
    return [make("span", "effect", unseen(". The plugin "), text(volumeOf(row)))];
  };

  class PluginConversation extends HTMLElement {
    #root = this.attachShadow({ mode: "open" });
    #items = new Map(); // by the call's number
    #all = []; // in their order, those too that the filter leaves out
    #names = new Set();
    #news = [];
    #timer = 0;
    #current = null;
    #source = null;
    #last = "";
    #run = "";
    #begun = false;
    #errors = 0;

    static observedAttributes = ["calls"];

    attributeChangedCallback() {
      this.#reveal();
    }

    connectedCallback() {
      if (!this.#begun) this.#build();
      if (this.hasAttribute("live")) this.#listen();
    }

    disconnectedCallback() {
      this.#source?.close();
      clearTimeout(this.#timer);
      this.#timer = 0;
    }

    #build() {
      this.#begun = true;
      this.#root.adoptedStyleSheets = [sheet];
      this.#root.innerHTML = BODY;
      this.#part("select").addEventListener("change", () => this.#filter());
      this.#part("ol").addEventListener("click", (event) => this.#click(event));
      this.#part("ol").addEventListener("keydown", (event) => this.#key(event));
      if (this.hasAttribute("live")) return;
      if (this.hasAttribute("src")) this.#fetch(this.getAttribute("src"));
      // what stands inside is there once the page has been read
      else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => this.#inline());
      else this.#inline();
    }

    #part(selector) {
      return this.#root.querySelector(selector);
    }

    // Where the conversation comes from

    #inline() {
      this.show(this.querySelector('script[type="application/jsonl"]')?.textContent ?? "");
    }

    async #fetch(address) {
      try {
        const answer = await fetch(address);
        if (!answer.ok) throw new Error(`${answer.status}`);
        this.show(await answer.text());
      } catch {
        this.#empty(`${address} cannot be fetched. In a page opened from file:// the conversation has to stand inside.`);
      }
    }

    /** Show a recording: the text of a file of traces/. What is no line of the format is left out. */
    show(text) {
      const rows = text.split("\n").filter((line) => line.trim()).map(parsed);
      this.clear();
      this.#title(rows.find((row) => row.format) ?? {});
      for (const row of rows.filter((each) => "n" in each)) this.#news.push(["call", row]);
      this.#flush();
      if (!this.#items.size) this.#empty("There is no call in this conversation.");
    }

    #listen() {
      const address = new URL(this.getAttribute("live"), document.baseURI);
      if (this.#last) address.searchParams.set("after", this.#last);
      const source = (this.#source = new EventSource(address));
      const take = (kind) => (event) => {
        this.#last = event.lastEventId || this.#last;
        this.#later(kind, JSON.parse(event.data));
      };
      for (const kind of ["start", "call", "note"]) source.addEventListener(kind, take(kind));
      source.addEventListener("open", () => this.#state("live", false));
      source.addEventListener("error", () => {
        this.#state("not connected, trying again …", true);
        // a browser gives up for good where something else answered in between
        if (source.readyState === EventSource.CLOSED && this.isConnected) setTimeout(() => this.#listen(), 1000);
      });
      if (!this.#items.size) this.#empty("", "docker volume create -d ddd mango");
    }

    #later(kind, data) {
      this.#news.push([kind, data]);
      this.#timer ||= setTimeout(() => this.#flush(), 16);
    }

    // What is shown

    clear() {
      this.#items.clear();
      this.#all = [];
      this.#names.clear();
      this.#errors = 0;
      this.#current = null;
      this.#part("ol").replaceChildren();
      this.#part("select").length = 1;
    }

    #title(header) {
      const about = [header.title, header.engine, header.recorded].filter(Boolean).join(" · ");
      this.#part(".title").textContent = this.getAttribute("name") || about;
    }

    #state(text, off) {
      this.#part(".state").textContent = text;
      this.#part(".state").classList.toggle("off", off);
    }

    #empty(text, command) {
      const place = this.#part(".empty");
      place.hidden = false;
      if (command) place.replaceChildren(make("span", "", "Waiting for the first call. Type, for example: ", make("code", "", command)));
      else place.replaceChildren(make("span", "", text));
    }

    #flush() {
      this.#timer = 0;
      const news = this.#news.splice(0);
      const down = this.hasAttribute("live") && this.#atTheEnd();
      const fresh = document.createDocumentFragment();
      for (const [kind, data] of news) {
        if (kind === "start") this.#start(data, fresh);
        else if (kind === "note") this.#place(this.#note(data.text), fresh);
        else this.#call(data, fresh);
      }
      this.#part("ol").append(fresh);
      if (this.#items.size) this.#part(".empty").hidden = true;
      this.#roam(this.#current ?? this.#part(".call"));
      this.#count();
      this.#reveal();
      if (down) window.scrollTo(0, document.documentElement.scrollHeight);
    }

    // another trace has begun at the same address: what the last one said is over
    #start(header, fresh) {
      if (this.#run && this.#run !== header.run) {
        fresh.replaceChildren();
        this.clear();
      }
      this.#run = header.run;
      this.#title(header);
    }

    #call(row, fresh) {
      const known = this.#items.get(row.n);
      const item = known ?? this.#item();
      this.#items.set(row.n, item);
      item.row = row;
      item.volume = volumeOf(row);
      item.className = `${errorOf(row) ? "error" : ""} ${row.pending ? "pending" : ""} ${known || !this.hasAttribute("live") ? "" : "fresh"}`;
      item.firstChild.replaceChildren(make("span", "time", timeOf(row)), asked(row), answered(row), ...effect(row));
      this.#errors += Number(Boolean(errorOf(row))) - Number(item.bad ?? 0);
      item.bad = Boolean(errorOf(row));
      if (item.querySelector(".detail")) item.lastChild.replaceWith(detail(row));
      this.#name(item.volume);
      if (!known) this.#place(item, fresh);
    }

    #place(item, fresh) {
      this.#all.push(item);
      if (this.#wanted(item)) fresh.append(item);
    }

    #item() {
      const button = make("button", "call");
      button.type = "button";
      button.tabIndex = -1;
      button.setAttribute("aria-expanded", "false");
      return make("li", "", button);
    }

    // what comes later keeps its place, so that nothing moves when it is shown
    #reveal() {
      const calls = this.hasAttribute("calls") ? Number(this.getAttribute("calls")) : Infinity;
      this.#all.forEach((item, number) => item.classList.toggle("later", number >= calls));
    }

    #note(text) {
      return make("li", "note", make("p", "", text));
    }

    #count() {
      const calls = this.#items.size;
      const errors = this.#errors ? `, ${this.#errors} with an error` : "";
      this.#part(".count").textContent = `${calls} ${calls === 1 ? "call" : "calls"}${errors}`;
    }

    #atTheEnd() {
      const page = document.documentElement;
      return !this.#part(".detail") && page.scrollHeight - page.scrollTop - page.clientHeight < 80;
    }

    // The filter

    #name(name) {
      if (!name || this.#names.has(name)) return;
      this.#names.add(name);
      const short = name.length > 40 ? `${name.slice(0, 12)}…` : name;
      this.#part("select").add(new Option(short, name));
    }

    #wanted(item) {
      const volume = this.#part("select").value;
      return !volume || item.volume === volume;
    }

    // what is left out is taken out: to hide thousands of rows one by one takes a browser many seconds
    #filter() {
      this.#part("ol").replaceChildren(...this.#all.filter((item) => this.#wanted(item)));
      if (!this.#current?.isConnected) this.#roam(this.#part(".call"));
    }

    // Mouse and keyboard

    #click(event) {
      const button = event.target.closest(".call");
      if (!button) return;
      this.#roam(button);
      this.#open(button.parentElement, button.getAttribute("aria-expanded") !== "true");
    }

    #open(item, wanted) {
      item.querySelector(".detail")?.remove();
      if (wanted) item.append(detail(item.row));
      item.firstChild.setAttribute("aria-expanded", String(wanted));
    }

    // one call is in the order of Tab, the others are reached with the arrow keys: five thousand stops help nobody
    #roam(button) {
      if (!button) return;
      if (this.#current) this.#current.tabIndex = -1;
      this.#current = button;
      button.tabIndex = 0;
    }

    #key(event) {
      const item = event.target.closest("li");
      const inside = event.target.closest(".detail");
      if (event.key === "Escape" && item.querySelector(".detail")) {
        this.#open(item, false);
        item.firstChild.focus();
      } else if (inside || !this.#move(item, event.key)) {
        return;
      }
      // slides turn at these keys
      event.preventDefault();
      event.stopPropagation();
    }

    #move(item, key) {
      const list = this.#part("ol");
      const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[key];
      let next = step ? item[step] : { Home: list.firstElementChild, End: list.lastElementChild }[key];
      const onward = step ?? (key === "Home" ? "nextElementSibling" : "previousElementSibling");
      if (!step && !next) return false;
      while (next && !next.row) next = next[onward];
      if (next) {
        this.#roam(next.firstChild);
        next.firstChild.focus();
      }
      return true;
    }
  }

  customElements.define("plugin-conversation", PluginConversation);
})();
