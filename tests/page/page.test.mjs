// The page as visitors find it: what it says, the chat, by mouse and by keyboard, wide and narrow, light and dark.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { accessible, fits, KEY, launch, shoot, startGateway, startStandIn, unlock, visit } from "./world.mjs";

let browser, standIn, ready;
const COOKIES = { SECURE_1PSID: "g.a000page", SECURE_1PSIDTS: "sidts-page" };

before(async () => {
  browser = await launch();
  standIn = await startStandIn();
  ready = await startGateway(standIn, COOKIES);
});

after(async () => {
  await ready?.stop();
  standIn?.stop();
  await browser?.close();
});

/** Looks at a page in every light and width, as far as can be without changing it. */
async function everyWay(url, name, prepare = async () => {}) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, viewport] of [["wide", { width: 1000, height: 900 }], ["phone", { width: 360, height: 740 }]]) {
      const seen = await visit(browser, url, { colorScheme, viewport });
      await prepare(seen.page);
      const paper = await seen.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
      assert.equal(paper[0] > 128 ? "light" : "dark", colorScheme, `${paper}`);
      await fits(seen.page);
      await accessible(seen.page, `${name} ${colorScheme} ${size}`);
      await shoot(seen.page, `${name}-${colorScheme}-${size}`);
      await seen.close();
    }
  }
}

test("a first visit with nothing configured says what is missing and how to get it", async () => {
  const gateway = await startGateway(standIn, { API_KEY: "" });
  const { page, close } = await visit(browser, gateway.url, { allowed: [/status of 503/] });
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /cannot answer now/);
  const text = await page.locator("main").innerText();
  for (const part of [/set API_KEY/, /No Gemini cookies are configured/, /private window in Firefox/, /without logging out/]) {
    assert.match(text, part);
  }
  await unlock(page, "any-key");
  await page.getByText("This gateway has no client key").waitFor();
  assert.ok(await page.getByRole("button", { name: "Open", exact: true }).isEnabled());
  await close();
  await everyWay(gateway.url, "nothing");
  await gateway.stop();
});

test("with cookies missing the steps stand open, and the form for them comes with the key", async () => {
  const gateway = await startGateway(standIn);
  const { page, close } = await visit(browser, gateway.url);
  assert.ok(await page.getByText("Press F12").isVisible());
  assert.ok(await page.getByLabel("Anything that holds both cookies").isHidden());
  await unlock(page);
  await page.getByLabel("Anything that holds both cookies").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "paste");
  await close();
  await everyWay(gateway.url, "missing", async (page) => {
    await unlock(page);
    await page.getByLabel("Anything that holds both cookies").waitFor();
  });
  await gateway.stop();
});

test("a dead session is told with its cure", async () => {
  const own = await startStandIn();
  const gateway = await startGateway(own, COOKIES);
  await own.tell("sign-out");
  const { page, close } = await visit(browser, gateway.url, { allowed: [/status of 503/] });
  await unlock(page);
  await page.getByLabel("Message").fill("Are you there?");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#chat-problem").getByText("signed out").waitFor();
  assert.equal(await page.getByLabel("Message").inputValue(), "Are you there?", "nothing typed is lost");
  await page.getByRole("heading", { name: "This gateway cannot answer now." }).waitFor();
  await page.getByRole("heading", { name: "Last errors" }).waitFor();
  assert.match(await page.locator("#error-list").innerText(), /upstream_auth_expired/);
  await close();
  await everyWay(gateway.url, "dead", async (page) => {
    await unlock(page);
    await page.getByRole("heading", { name: "Last errors" }).waitFor();
  });
  await gateway.stop();
  own.stop();
});

test("the chat streams, shows who answered, remembers the conversation and can be stopped", async () => {
  const { page, close } = await visit(browser, ready.url);
  await unlock(page);
  await page.getByLabel("Message").fill("[[stand-in: len=400 frames=12 delay=60 label=3.6%20Flash]]");
  await page.getByLabel("Model").selectOption("gemini-flash");
  await page.getByRole("button", { name: "Send" }).click();
  const answer = page.locator("#log .turn:not(.me)").last();
  const lengths = new Set();
  while (await page.getByRole("button", { name: "Stop" }).isVisible()) {
    lengths.add((await answer.locator("p").textContent()).length);
    assert.ok(lengths.size < 1000);
  }
  assert.ok(lengths.size > 3, `it came in pieces: ${[...lengths]}`);
  assert.equal((await answer.locator("p").textContent()).length, 400);
  assert.equal(await answer.locator(".who").innerText(), "gemini-flash (3.6 Flash)");
  assert.equal(await page.getByRole("log").getAttribute("aria-busy"), "false");

  await page.getByLabel("Message").fill("And a second one.");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("[[stand-in: echo]]");
  await page.keyboard.press("Enter");
  await page.locator("#log .turn:not(.me)").nth(1).getByText("second one").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  // The stand-in repeats all that was sent: the whole conversation, as the gateway writes it down for Gemini.
  assert.match(await answer.locator("p").textContent(), /And a second one\.\n/);

  await page.getByLabel("Message").fill("[[stand-in: len=4000 frames=100 delay=200]]");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#log .turn:last-child p").textContent.length > 20);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText(", stopped").waitFor();
  await page.getByRole("button", { name: "New chat" }).click();
  assert.equal(await page.getByRole("log").count(), 0, "an empty conversation is not shown");
  await close();
  await everyWay(ready.url, "chat", async (page) => {
    await unlock(page);
    await page.getByLabel("Message").fill("Why is the sky blue? [[stand-in: text=Because%20air%20scatters%20blue%20light%20more%20than%20red:%20the%20shorter%20the%20wave,%20the%20more%20of%20it%20is%20turned%20aside,%20and%20from%20every%20side%20some%20of%20it%20reaches%20your%20eye.]]");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("Because air scatters").last().waitFor();
    await page.getByRole("button", { name: "Send" }).waitFor();
  });
});

test("an answer that breaks off is told, and an upstream's refusal too", async () => {
  const { page, close } = await visit(browser, ready.url, { allowed: [/status of 502/] });
  await unlock(page);
  const problem = page.locator("#chat-problem");
  await page.getByLabel("Message").fill("[[stand-in: len=400 frames=12 disconnect=8]]");
  await page.getByRole("button", { name: "Send" }).click();
  await problem.getByText("broke").waitFor();
  await page.getByLabel("Message").fill("[[stand-in: error=9999]]");
  await page.getByRole("button", { name: "Send" }).click();
  await problem.getByText("9999").waitFor();
  await close();
});

test("a wrong key opens nothing and says so", async () => {
  const { page, close } = await visit(browser, ready.url, { allowed: [/status of 401/] });
  for (const wrong of ["not-the-key-of-this-gateway", "not ascii: ü"]) {
    await unlock(page, wrong);
    await page.getByText("That is none of this gateway's keys.").waitFor();
    assert.ok(await page.locator("#chat").isHidden());
    assert.equal(await page.evaluate(() => document.activeElement.id), "key");
    await page.getByLabel("A client key of this gateway").fill("");
  }
  await accessible(page, "wrong key");
  await close();
});

test("everything can be done by keyboard, and the key is gone after a reload", async () => {
  const { page, close } = await visit(browser, ready.url);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  for (let step = 0; await page.evaluate(() => document.activeElement.id) !== "key"; step += 1) {
    assert.ok(step < 10, "the key field is a few steps away");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type(KEY);
  await page.keyboard.press("Enter");
  await page.getByText(/Open\. The account has gemini-/).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "prompt");
  await page.keyboard.type("[[stand-in: text=typed]]");
  await page.keyboard.press("Enter");
  await page.locator("#log .turn:not(.me)").getByText("typed").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "prompt");
  assert.ok(!(await page.content()).includes(KEY), "the key is not in the document");

  await page.getByRole("button", { name: "Forget the key" }).click();
  assert.ok(await page.locator("#chat").isHidden());
  assert.equal(await page.evaluate(() => document.activeElement.id), "key");
  await unlock(page);
  await page.getByText(/Open\. The account has gemini-/).waitFor();
  await page.reload();
  assert.ok(await page.locator("#chat").isHidden());
  assert.equal(await page.getByLabel("A client key of this gateway").inputValue(), "");
  await close();
});

test("the recipes name this very host and can be copied", async () => {
  const { page, close } = await visit(browser, ready.url, { permissions: ["clipboard-read", "clipboard-write"] });
  assert.equal(await page.getByRole("region", { name: "Base URL" }).innerText(), `${ready.url}/v1`);
  await page.getByRole("button", { name: "Copy: Example with curl" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, new RegExp(`^curl -N ${ready.url}/v1/chat/completions`));
  await close();
});

test("without JavaScript the facts, the steps and the recipes are there, and nothing that does not work", async () => {
  const { page, close } = await visit(browser, ready.url, { javaScriptEnabled: false });
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /is ready/);
  assert.ok(await page.getByText(`curl -N ${ready.url}/v1/chat/completions`).isVisible());
  await page.getByText("New cookies, when the session ends").click();
  assert.ok(await page.getByText("private window in Firefox").isVisible());
  for (const control of await page.locator("input, textarea, select, button").all()) assert.ok(await control.isHidden());
  await close();
});

test("inside another site's frame it works as well", async () => {
  // Another site as far as a browser is concerned.
  const hub = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>Hub</title><link rel="icon" href="data:,"><iframe src="${ready.url}/" width="900" height="900"></iframe>`);
  });
  await new Promise((resolve) => hub.listen(0, "127.0.0.1", resolve));
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://localhost:${hub.address().port}/`);
  const frame = page.frameLocator("iframe");
  await frame.getByLabel("A client key of this gateway").fill(KEY);
  await frame.getByRole("button", { name: "Open", exact: true }).click();
  await frame.getByLabel("Message").fill("[[stand-in: text=framed]]");
  await frame.getByRole("button", { name: "Send" }).click();
  await frame.locator("#log .turn:not(.me)").getByText("framed").waitFor();
  assert.deepEqual(await context.cookies(), []);
  await context.close();
  hub.close();
});

test("no log holds a key, a cookie or a prompt", () => {
  const log = ready.log();
  assert.match(log, /request_id/);
  for (const secret of [KEY, "g.a000page", "sidts-", "stand-in:"]) assert.ok(!log.includes(secret), secret);
});
