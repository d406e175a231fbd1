// Puts beside the page what it loads: LiteRT.js, the player of `tfsr compare`, the model for calls.
// `npm ci` runs it, and `npm run speech`, for the page asks which models are there.

import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const packages = join(here, "node_modules", "@litertjs");
const tfsr = join(here, "..", "..", "tfsr");
const lib = join(here, "lib");
const models = join(here, "models");

// Without threads, for which a server would have to isolate the page from other origins.
// The second is for browsers without relaxed SIMD.
const RUNTIMES = ["litert_wasm_internal", "litert_wasm_compat_internal"];
const PAGES = ["page.css", "player.css", "compare.css", "player.js", "transport.html"];

rmSync(lib, { recursive: true, force: true });
mkdirSync(lib);
mkdirSync(models, { recursive: true });
for (const name of RUNTIMES.flatMap((runtime) => [`${runtime}.js`, `${runtime}.wasm`])) {
  copy(join(packages, "core", "wasm", name), lib);
}
for (const name of PAGES) copy(join(tfsr, "evaluation", "pages", name), lib);
copy(join(packages, "wasm-utils", "dist", "bundle.js"), lib, "wasm-utils.js");
// A worker knows no import map: the one package that is imported by name gets a path.
const core = readFileSync(join(packages, "core", "dist", "index.js"), "utf8");
writeFileSync(join(lib, "litert.js"), core.replace('"@litertjs/wasm-utils"', '"./wasm-utils.js"'));
const calls = "telephony-8k-16k";
copy(join(tfsr, "presets", calls, "stream.tflite"), models, `${calls}.tflite`);
const files = readdirSync(models).filter((name) => name.endsWith(".tflite"));
const names = files.map((name) => basename(name, ".tflite"));
writeFileSync(join(models, "presets.json"), JSON.stringify(names));

function copy(file, folder, name = basename(file)) {
  copyFileSync(file, join(folder, name));
}
