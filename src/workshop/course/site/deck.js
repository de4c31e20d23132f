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

// A picture is drawn with colours fixed, so it is drawn again when the theme changes.
const sources = [...document.querySelectorAll(".picture")].map((figure) => [figure, figure.textContent]);
async function paint() {
  root.dataset.theme = dark() ? "dark" : "light";
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  mermaid.initialize({
    startOnLoad: false,
    theme: "base",
    fontFamily: getComputedStyle(deck).fontFamily,
    fontSize: 28,
    themeVariables: {
      darkMode: dark(), fontSize: "28px", background: colour("--paper"),
      primaryColor: colour("--raised"), primaryTextColor: colour("--ink"), primaryBorderColor: colour("--accent"),
      lineColor: colour("--quiet"), textColor: colour("--ink"),
      actorBkg: colour("--raised"), actorBorder: colour("--accent"), actorTextColor: colour("--ink"),
      actorLineColor: colour("--line"), signalColor: colour("--quiet"), signalTextColor: colour("--ink"),
      noteBkgColor: colour("--raised"), noteTextColor: colour("--ink"), noteBorderColor: colour("--line"),
      edgeLabelBackground: colour("--paper"), clusterBkg: colour("--paper"), clusterBorder: colour("--line"),
    },
    flowchart: { htmlLabels: false, padding: 18 },
    sequence: { mirrorActors: false, height: 72, boxMargin: 4, messageMargin: 46, diagramMarginX: 4, diagramMarginY: 4 },
  });
  for (const [number, [figure, text]] of sources.entries()) {
    figure.innerHTML = (await mermaid.render(`picture-${number}`, text)).svg;
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

root.dataset.theme = dark() ? "dark" : "light";
const shown = Reveal.initialize({
  width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 3, center: false,
  hash: true, slideNumber: "c/t", transition: "none", backgroundTransition: "none",
  controlsTutorial: false, pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1,
  totalTime: 0, plugins: [RevealNotes],
});
Reveal.addKeyBinding({ keyCode: 84, key: "T", description: "Light or dark" }, turn);
for (const event of ["ready", "slidechanged", "fragmentshown", "fragmenthidden"]) Reveal.on(event, point);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
addEventListener("storage", paint);
Promise.all([shown, paint()]).then(() => { deck.dataset.painted = "yes"; Reveal.layout(); });
