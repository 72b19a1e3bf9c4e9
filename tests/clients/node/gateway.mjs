// Runs the real gateway for the tests, and speaks to its stand-in upstream.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';

// Milliseconds. Generous, for a busy machine; nothing waits this long when all is well.
const START_LIMIT = 20_000;
const STOP_LIMIT = 20_000;
const SETTLE_LIMIT = 10_000;

/** The program under test: GATEWAY_BIN, or the newest of the usual build results. */
function binary() {
  if (process.env.GATEWAY_BIN) return resolve(process.env.GATEWAY_BIN);
  const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, '../../../target');
  const built = ['release', 'debug'].map((kind) => join(target, kind, 'gemini-gateway')).filter(existsSync);
  if (built.length === 0) throw new Error('no gateway to test: run `cargo build --release`, or set GATEWAY_BIN');
  return built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

/**
 * A prompt that tells the stand-in upstream what to answer; `true` is a flag. Times are milliseconds; the pace of the
 * demo is left out.
 */
export function standIn(words) {
  const parts = Object.entries({ delay: 0, ...words }).map(([key, value]) =>
    value === true ? key : `${key}=${encodeURIComponent(value)}`,
  );
  return `[[stand-in: ${parts.join(' ')}]]`;
}

/** What the model says to call a tool. This and the next are all that the suite knows of the syntax. */
export const callText = ([name, args]) => `\`\`\`tool_call\n${JSON.stringify({ name, arguments: args })}\n\`\`\``;

/** What the model says to call a tool that takes text without a schema. */
export const customCallText = (name, text) => `\`\`\`\`tool_call\n${JSON.stringify({ name })}\n${text}\n\`\`\`\``;

/** A prompt that makes the stand-in call these tools, each a name and its arguments. */
export const calls = (wanted, words = {}) => standIn({ text: wanted.map(callText).join('\n'), ...words });

/** The smallest PNG: one grey pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);

/** One user message. */
export const user = (content) => [{ role: 'user', content }];

/** A running gateway. Its log goes to GATEWAY_LOG_DIR if that is set, else into a folder that goes with it. */
export class Gateway {
  static async start(settings = {}) {
    const gateway = new Gateway();
    gateway.folder = mkdtempSync(join(tmpdir(), 'gateway-'));
    gateway.key = process.env.GATEWAY_TEST_KEY ?? `test-key-${randomBytes(16).toString('hex')}`;
    const port = await freePort();
    gateway.origin = `http://127.0.0.1:${port}`;
    gateway.baseURL = `${gateway.origin}/v1`;
    const logs = process.env.GATEWAY_LOG_DIR ?? gateway.folder;
    mkdirSync(logs, { recursive: true });
    gateway.logFile = join(logs, `gateway-node-${process.pid}-${port}.log`);
    const log = openSync(gateway.logFile, 'w');
    // What the demo shows its owner is not the log: a key may stand there.
    const shown = openSync(gateway.logFile.replace(/log$/, 'out'), 'w');
    // GATEWAY_VERB is empty for the real mode, whose upstream the caller's own variables then name.
    const verb = (process.env.GATEWAY_VERB ?? 'demo').split(' ').filter(Boolean);
    const own = { API_KEY: gateway.key, HOST: '127.0.0.1', PORT: `${port}`, DEBUG: 'true', STATE_DIR: gateway.folder };
    if (process.env.SECURE_1PSID) {
      // Each gateway renews its cookie: a second one that starts with the first one's would be signed out.
      own.SECURE_1PSID = `${process.env.SECURE_1PSID}.${port}`;
    }
    gateway.process = spawn(binary(), verb, {
      cwd: gateway.folder,
      env: { ...process.env, ...own, ...settings },
      stdio: ['ignore', shown, log],
    });
    closeSync(log);
    closeSync(shown);
    await gateway.#untilAlive();
    return gateway;
  }

  async #untilAlive() {
    const deadline = Date.now() + START_LIMIT;
    while (Date.now() < deadline && this.process.exitCode === null) {
      const answer = await fetch(`${this.origin}/livez`).catch(() => null);
      await answer?.arrayBuffer();
      if (answer?.status === 200) return;
      await sleep(20);
    }
    const log = this.#tail();
    await this.stop();
    throw new Error(`the gateway did not come alive: ${log}`);
  }

  #tail() {
    return readFileSync(this.logFile, 'utf8').slice(-2000);
  }

  /** SIGTERM; its exit status. */
  async stop() {
    if (this.process.exitCode === null) {
      const ended = once(this.process, 'exit', { signal: AbortSignal.timeout(STOP_LIMIT) });
      this.process.kill('SIGTERM');
      await ended.catch(() => this.process.kill('SIGKILL'));
    }
    rmSync(this.folder, { recursive: true, force: true });
    return this.process.exitCode;
  }

  /** The official client. Without retries unless asked: passing at the second attempt would hide a failure. */
  client(options = {}) {
    return new OpenAI({ baseURL: this.baseURL, apiKey: this.key, maxRetries: 0, timeout: 30_000, ...options });
  }

  /** Answers being generated now, from /metrics. */
  async inFlight() {
    const answer = await fetch(`${this.origin}/metrics`, { headers: { authorization: `Bearer ${this.key}` } });
    const text = await answer.text();
    const values = [...text.matchAll(/^gemini_gateway_generations_in_flight(?:\{[^}]*\})? (\d+)/gm)];
    if (values.length === 0) throw new Error(`no gauge of generations in flight in:\n${text}`);
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** Whether the number of answers being generated becomes this, soon. */
  async settlesAt(wanted) {
    const deadline = Date.now() + SETTLE_LIMIT;
    while (Date.now() < deadline) {
      if ((await this.inFlight()) === wanted) return true;
      await sleep(20);
    }
    return false;
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
