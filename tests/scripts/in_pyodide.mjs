// Called by in_pyodide.py with its settings as JSON: runs pytest and the recipe for fetch in Pyodide.
import { createRequire } from "node:module";

const given = JSON.parse(process.argv[2]);
const { loadPyodide } = createRequire(import.meta.url)(given.pyodide);
const python = await loadPyodide();
for (const [folder, root] of [["/project", given.root], ["/modules", given.modules]]) {
  python.FS.mkdirTree(folder);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, folder);
}
python.globals.set("given", process.argv[2]);
process.exitCode = await python.runPythonAsync(`
import json, os, sys

given = json.loads(given)
os.chdir("/project")
sys.path[:0] = ["/project", "/project/tests", "/modules"]
sys.dont_write_bytecode = True

import asyncio
import pty
import socket
import subprocess
import threading
import types

import pytest
from pyodide.code import eval_code_async
from support.pages import blocks

print("Pyodide", sys.version)
[recipe] = [block for block in blocks("docs/recipes.md") if block.name == "Pyodide 1"]
printed = []
code = recipe.code.replace("8000", str(given["port"]))
await eval_code_async(code, {"print": printed.append})
is_right = printed == given["events"] != []
print("the recipe for fetch:", "right" if is_right else f"wrong: {printed}")

def skip(*arguments, **options):
    pytest.skip("needs a process, thread, socket, terminal or event loop", allow_module_level=True)

subprocess.Popen = threading.Thread.start = socket.socket.connect = socket.socket.bind = skip
sys.modules["venv"] = types.ModuleType("venv")  # Pyodide has none; its users start processes
asyncio.run = asyncio.Runner = asyncio.new_event_loop = socket.socketpair = skip
os.openpty = pty.openpty = skip

# The scanner in C overflows the stack of WebAssembly on deeply nested JSON, which ends Pyodide.
json.scanner.make_scanner = json.scanner.py_make_scanner
json._default_decoder = json.JSONDecoder()

status = int(pytest.main(given["arguments"]))
status if is_right else 1
`);
