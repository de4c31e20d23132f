/* Begins the course in a Pyodide: in the page's worker, and under Node, which makes the bytecode for the page. */
const COURSE = "/course";

/* Returns the session. It gets what is typed, and tells what comes of that, as JSON. */
export const begin = (python, archive, tell) => {
  python.unpackArchive(archive, "zip", { extractDir: COURSE });
  const makeSocket = (path, mode) => {
    python.FS.lookupPath(path).node.mode = mode;
  };
  python.globals.set("page", { tell, makeSocket });
  python.runPython(`
import os, sys
os.chdir("${COURSE}")
sys.path[:0] = ["${COURSE}/src", "${COURSE}/site-packages"]
from workshop.course.page import session
session.like_linux(page.makeSocket)
the_session = session.Session(page.tell)
`);
  return python.globals.get("the_session");
};
