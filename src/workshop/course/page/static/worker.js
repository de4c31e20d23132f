/* The page's Python, in a thread of its own: a loop without end is ended with it. */
import { loadPyodide } from "./pyodide/pyodide.mjs";
import { begin } from "./python.mjs";

const begun = (async () => {
  const archive = fetch("course.zip").then((answer) => answer.arrayBuffer());
  const python = await loadPyodide({ indexURL: new URL("pyodide/", self.location.href).href });
  const session = begin(python, await archive, (text) => self.postMessage(text));
  self.postMessage(JSON.stringify({ ready: true }));
  return session;
})();

begun.catch((error) => self.postMessage(JSON.stringify({ broken: String(error) })));

self.onmessage = async (event) => {
  const session = await begun;
  try {
    session.do(event.data);
  } catch (error) {
    self.postMessage(JSON.stringify({ broken: String(error) }));
  }
};
