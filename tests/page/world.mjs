// A browser, a gateway and the stand-in behind it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

export const KEY = `page-key-${process.pid}-0123456789`;
export const shots = process.env.SHOTS;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 20_000;

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function until(what, holds) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    try {
      if (await holds()) return;
    } catch { /* Not yet. */ }
    assert.ok(Date.now() < deadline, `never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The stand-in. `tell` steers it by a line. */
export async function startStandIn(words = "delay=30") {
  const child = spawn(process.env.STANDIN_BIN, [words], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { base_url: base } = JSON.parse((await lines.next()).value);
  return {
    base,
    async tell(line) {
      child.stdin.write(`${line}\n`);
      assert.equal((await lines.next()).value, "ok", line);
    },
    stop() {
      child.stdin.end();
      child.kill();
    },
  };
}

/** A gateway in the real mode before a stand-in, in a folder of its own. */
export async function startGateway(standIn, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), "gateway-page-"));
  const overlay = join(folder, "overlay.json");
  const { base } = standIn;
  writeFileSync(overlay, JSON.stringify({ hosts: { app: base, accounts: base, google: base, upload: base } }));
  const port = await freePort();
  const log = [];
  const child = spawn(process.env.GATEWAY_BIN, [], {
    cwd: folder,
    env: {
      API_KEY: KEY, HOST: "127.0.0.1", PORT: String(port), STATE_DIR: join(folder, "state"), PROTOCOL_FILE: overlay,
      DEBUG: "true", ...env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.stderr.on("data", (piece) => log.push(piece));
  const url = `http://127.0.0.1:${port}`;
  await until("the gateway knows what it is worth", async () => {
    const health = await (await fetch(`${url}/health`)).json();
    return health.upstreams[0].state !== "starting";
  });
  return {
    url,
    log: () => Buffer.concat(log).toString(),
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The page in a browser of its own. Whatever goes wrong in it fails the test when it is closed. */
export async function visit(browser, url, options = {}) {
  const { allowed = [], ...settings } = options;
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...settings });
  await context.addInitScript({ content: axeSource });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    const text = `${message.type()}: ${message.text()}`;
    if (["error", "warning"].includes(message.type()) && !allowed.some((pattern) => pattern.test(text))) wrong.push(text);
  });
  page.on("pageerror", (error) => wrong.push(`uncaught: ${error}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && origin !== url) wrong.push(`a request to ${request.url()}`);
  });
  await page.goto(`${url}/`);
  return {
    page,
    async close() {
      const kept = settings.javaScriptEnabled === false ? {} : await page.evaluate(() => ({
        local: localStorage.length, session: sessionStorage.length, cookies: document.cookie,
      }));
      const cookies = await context.cookies();
      await context.close();
      assert.deepEqual(wrong, []);
      assert.deepEqual(cookies, []);
      if (kept.local !== undefined) assert.deepEqual(kept, { local: 0, session: 0, cookies: "" });
    },
  };
}

export async function unlock(page, key = KEY) {
  await page.getByLabel("A client key of this gateway").fill(key);
  await page.getByRole("button", { name: "Open", exact: true }).click();
}

/** axe-core finds nothing. */
export async function accessible(page, what) {
  const found = await page.evaluate(async () => {
    const { violations, passes } = await globalThis.axe.run(document);
    return { passes: passes.length, violations: violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)]) };
  });
  assert.deepEqual(found.violations, [], what);
  assert.ok(found.passes > 10, "axe looked at something");
}

/** Nothing is wider than the window. */
export async function fits(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${content} px in ${window} px`);
}

export async function shoot(page, name) {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}
