"use strict";

const root = document.documentElement;
const deck = document.querySelector(".reveal");
const printing = /print-pdf|view=print/.test(location.search);

// Light or dark: as on the pages of the site, whose choice Material keeps under this name; else what the system prefers.
// The key T chooses for the pages, too.
const kept = new URL("..", location).pathname + ".__palette";
const system = matchMedia("(prefers-color-scheme: dark)");
function chosen() {
  try { return JSON.parse(localStorage.getItem(kept)).color.scheme; } catch { return system.matches ? "slate" : "default"; }
}
function dark() {
  return !printing && chosen() === "slate";
}
function turn() {
  const [index, scheme, media] = dark() ? [0, "default", "light"] : [1, "slate", "dark"];
  const color = { media: `(prefers-color-scheme: ${media})`, scheme, primary: "custom", accent: "custom" };
  try { localStorage.setItem(kept, JSON.stringify({ index, color })); } catch { /* not kept from file:// in some browsers */ }
  paint();
}

// A conversation has the theme as an attribute; all else has it from the root.
const conversations = [...document.querySelectorAll("plugin-conversation")];
function paint() {
  root.dataset.theme = dark() ? "dark" : "light";
  for (const each of conversations) each.setAttribute("theme", root.dataset.theme);
}

// A conversation goes on by a call with each fragment. On paper, and on a phone, where one scrolls, all of it is there.
function talk() {
  const whole = printing || Reveal.isScrollView();
  for (const each of conversations) {
    const calls = each.closest("section").querySelectorAll(whole ? ".fragment" : ".fragment.visible");
    each.setAttribute("calls", calls.length);
  }
}

// The stretch of code that is spoken about: the last fragment shown on this slide says which lines.
function point() {
  const slide = Reveal.getCurrentSlide();
  const listing = slide?.querySelector(".listing");
  if (!listing || printing) return;
  const step = [...slide.querySelectorAll(".fragment.visible")].pop();
  const [first, last] = step ? step.dataset.lines.split("-").map(Number) : [0, 0];
  const lines = [...listing.querySelectorAll(".line")];
  lines.forEach((line, n) => line.classList.toggle("spoken", n + 1 >= first && n + 1 <= last));
  listing.classList.toggle("pointing", Boolean(step));
  const seen = lines[Math.max(first - 2, 0)];
  listing.scrollTo({ top: seen.offsetTop - lines[0].offsetTop, behavior: "instant" });
}

// #/3.4 is the slide of step 3.4, whose name is step-3-4.
function name() {
  const step = location.hash.match(/^#\/(\d+)\.(\d+)$/);
  if (step) history.replaceState(null, "", `#/step-${step[1]}-${step[2]}`);
}

// On a phone one scrolls. Reveal.js looks for the slide of the address before its slides have a height there, and does
// not keep the address up to date.
name();
const address = location.hash;
function arrive() {
  if (!Reveal.isScrollView()) return;
  document.getElementById(decodeURIComponent(address.slice(2)))?.closest(".scroll-page").scrollIntoView();
  Reveal.on("slidechanged", ({ currentSlide }) => history.replaceState(null, "", `#/${currentSlide.id}`));
}

paint();
addEventListener("hashchange", name);
Reveal.initialize({
  width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 3, center: false,
  hash: true, slideNumber: "c/t", transition: "none", backgroundTransition: "none",
  controlsTutorial: false, pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1,
  totalTime: 0, plugins: [RevealNotes],
});
Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" }, turn);
for (const event of ["ready", "slidechanged", "fragmentshown", "fragmenthidden"]) {
  Reveal.on(event, point);
  Reveal.on(event, talk);
}
system.addEventListener("change", paint);
addEventListener("storage", paint);
Reveal.on("ready", () => {
  arrive();
  deck.dataset.painted = "yes";
});
