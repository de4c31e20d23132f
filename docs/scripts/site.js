"use strict";

// A table with no room scrolls, and is then a stop for Tab, so that the arrow keys reach all of it.
// Material draws the box that scrolls, after the page has been read.
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const box = target.closest(".md-typeset__scrollwrap");
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", "Table");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
});
new MutationObserver((changes) => {
  for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
    if (node.nodeType === Node.ELEMENT_NODE) node.querySelectorAll(".md-typeset__table").forEach((table) => sizes.observe(table));
  }
}).observe(document.querySelector("article"), { childList: true, subtree: true });
document.querySelectorAll(".md-typeset__table").forEach((table) => sizes.observe(table));
