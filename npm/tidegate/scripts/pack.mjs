// Packs the npm packages: `tidegate`, and the platform package of one machine with its addon.
//
//   node scripts/pack.mjs [--addon FILE] [--target PLATFORM] [--out FOLDER] [--publish]
//
// `--addon` is what cargo built (default: native/tidegate.node), `--target` a folder of
// npm/platform (default: this machine's), `--out` where the tarballs go (default: dist/ of the
// repository). Without `--publish` the `tidegate` tarball carries this machine's platform package
// inside, so that it can be installed without any registry; what is published does not.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = fileURLToPath(new URL("..", import.meta.url));
const root = resolve(here, "../..");
const { values: options } = parseArgs({
  options: {
    addon: { type: "string", default: join(here, "native/tidegate.node") },
    target: { type: "string", default: thisMachine() },
    out: { type: "string", default: join(root, "dist") },
    publish: { type: "boolean", default: false },
  },
});

const main = readJson(join(here, "package.json"));
const platforms = readdirSync(join(root, "npm/platform"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => readJson(join(root, "npm/platform", entry.name, "package.json")));
for (const { name, version } of platforms) {
  if (version !== main.version) throw new Error(`${name} is ${version}, tidegate is ${main.version}`);
}
const platform = platforms.find(({ name }) => name === `@tidegate/${options.target}`);
if (!platform) throw new Error(`there is no npm/platform/${options.target}`);

const stage = mkdtempSync(join(tmpdir(), "tidegate-pack-"));
try {
  mkdirSync(options.out, { recursive: true });
  const native = join(stage, "platform");
  stagePlatform(native);
  const facade = join(stage, "tidegate");
  stageFacade(facade);
  if (!options.publish) {
    cpSync(native, join(facade, "node_modules", platform.name), { recursive: true });
  }
  for (const folder of [native, facade]) console.log(pack(folder));
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/** @param {string} folder */
function stagePlatform(folder) {
  mkdirSync(folder, { recursive: true });
  cpSync(options.addon, join(folder, "tidegate.node"), { dereference: true });
  cpSync(join(root, "npm/platform/README.md"), join(folder, "README.md"));
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeJson(join(folder, "package.json"), platform);
}

/** @param {string} folder */
function stageFacade(folder) {
  for (const name of [...main.files, "README.md"]) {
    cpSync(join(here, name), join(folder, name), { recursive: true });
  }
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  // The platform packages are named here and not in the working tree, where `npm ci` would look for
  // versions that are not published yet.
  const { devDependencies, scripts, ...published } = main;
  published.optionalDependencies = Object.fromEntries(
    platforms.map(({ name, version }) => [name, version]),
  );
  if (!options.publish) published.bundleDependencies = [platform?.name];
  writeJson(join(folder, "package.json"), published);
}

/**
 * @param {string} folder
 * @returns {string} the tarball
 */
function pack(folder) {
  const output = execFileSync(
    "npm",
    ["pack", "--json", "--ignore-scripts", "--offline", "--pack-destination", options.out],
    { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  return join(options.out, JSON.parse(output)[0].filename);
}

function thisMachine() {
  const machine = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return machine;
  const report = /** @type {any} */ (process.report.getReport());
  return `${machine}-${report.header.glibcVersionRuntime ? "gnu" : "musl"}`;
}

/**
 * @param {string} file
 * @returns {any}
 */
function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/**
 * @param {string} file
 * @param {unknown} value
 */
function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
