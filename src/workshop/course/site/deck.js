"use strict";

const root = document.documentElement;
const deck = document.querySelector(".reveal");
const printing = /print-pdf|view=print/.test(location.search);

// light or dark: what the system prefers, until the key T says otherwise
function remembered() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}
function dark() {
  if (printing) return false;
  const chosen = remembered();
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function turn() {
  try { localStorage.setItem("theme", dark() ? "light" : "dark"); } catch { /* this window alone */ }
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

paint();
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
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
addEventListener("storage", paint);
Reveal.on("ready", () => { deck.dataset.painted = "yes"; });
