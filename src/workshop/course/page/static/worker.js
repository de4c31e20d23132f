/* The page's Python, in a thread of its own: a loop without end is ended with it. */
import { loadPyodide } from "./pyodide/pyodide.mjs";

const COURSE = "/course";

const begun = (async () => {
  const archive = fetch("course.zip").then((answer) => answer.arrayBuffer());
  const python = await loadPyodide({ indexURL: new URL("pyodide/", self.location.href).href });
  python.unpackArchive(await archive, "zip", { extractDir: COURSE });
  const makeSocket = (path, mode) => {
    python.FS.lookupPath(path).node.mode = mode;
  };
  python.globals.set("page", { tell: (text) => self.postMessage(text), makeSocket });
  python.runPython(`
import os, sys
os.chdir("${COURSE}")
sys.path[:0] = ["${COURSE}/src", "${COURSE}/site-packages"]
from workshop.course.page import session
session.like_linux(page.makeSocket)
the_session = session.Session(page.tell)
`);
  self.postMessage(JSON.stringify({ ready: true }));
  return python.globals.get("the_session");
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
