/* Uses the course as the page does, and keeps the bytecode of what Python has imported meanwhile:
   node compile.mjs PAGE ARCHIVE */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [page, archive] = process.argv.slice(2).map((path) => resolve(path));
const load = (name) => import(pathToFileURL(`${page}/${name}`).href);

try {
  const { loadPyodide } = await load("pyodide/pyodide.mjs");
  const { begin } = await load("python.mjs");
  const python = await loadPyodide({ indexURL: `${page}/pyodide/` });
  begin(python, new Uint8Array(readFileSync(`${page}/course.zip`)), () => {});
  python.runPython("from workshop.course.page import bytecode; bytecode.write(the_session, '/bytecode.zip')");
  writeFileSync(archive, python.FS.readFile("/bytecode.zip"));
} catch (error) {
  // Node itself would print all of the line, which is Pyodide
  console.error(String(error));
  process.exitCode = 1;
}
