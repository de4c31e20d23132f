/* What a cell of a notebook loads: the element <plugin-conversation>, once, which is as light or dark as JupyterLab. */
"use strict";

(() => {
  const follow = () => {
    const theme = document.body.dataset.jpThemeLight === "false" ? "dark" : "light";
    for (const each of document.querySelectorAll("plugin-conversation")) each.setAttribute("theme", theme);
  };
  if (!window.followsJupyter) {
    window.followsJupyter = new MutationObserver(follow);
    window.followsJupyter.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    document.head.append(Object.assign(document.createElement("script"), { src: "/static/conversation.js" }));
  }
  follow();
})();
