// New cookies from the page, in every shape they are copied in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessible, fits, launch, shoot, startGateway, startStandIn, unlock, visit } from "./world.mjs";

let browser, standIn;
const COOKIES = { SECURE_1PSID: "g.a000first", SECURE_1PSIDTS: "sidts-first" };
const [ID, TS] = ["__Secure-1PSID", "__Secure-1PSIDTS"];

before(async () => {
  browser = await launch();
  standIn = await startStandIn();
});

after(async () => {
  standIn?.stop();
  await browser?.close();
});

const paste = (text) => (page) => page.getByLabel("Anything that holds both cookies").fill(text);
const shapes = {
  "two values": async (page) => {
    await page.getByLabel(ID, { exact: true }).fill("g.a000values");
    await page.getByLabel(TS, { exact: true }).fill("sidts-values");
  },
  "a Cookie header": paste(`Cookie: NID=511=x; ${ID}=g.a000header; SAPISID=y; ${TS}=sidts-header`),
  "a Netscape file": (page) => page.getByLabel("or choose a file").setInputFiles({
    name: "cookies.txt", mimeType: "text/plain", buffer: Buffer.from(
      `# Netscape HTTP Cookie File\n#HttpOnly_.google.com\tTRUE\t/\tTRUE\t2000000000\t${ID}\tg.a000file\n.google.com\tTRUE\t/\tTRUE\t2000000000\t${TS}\tsidts-file\n`),
  }),
  "a JSON export": paste(JSON.stringify([
    { domain: ".google.com", name: ID, value: "g.a000json", expirationDate: 2e9, hostOnly: false, path: "/", secure: true },
    { domain: ".google.com", name: TS, value: "sidts-json", session: true },
    { domain: ".youtube.com", name: ID, value: "not-this-one" },
  ])),
};

for (const [shape, fill] of Object.entries(shapes)) {
  test(`a gateway without cookies gets its first: ${shape}`, async () => {
    const gateway = await startGateway(standIn);
    const { page, close } = await visit(browser, gateway.url);
    await unlock(page);
    await page.getByLabel("Anything that holds both cookies").waitFor();
    await fill(page);
    if (shape === "a Netscape file") {
      await page.waitForFunction(() => document.getElementById("paste").value.includes("Netscape"));
    }
    await page.getByRole("button", { name: "Try these cookies" }).click();
    await page.locator("#verdict").getByText("Good: renewable.").waitFor();
    assert.match(await page.locator("#verdict").innerText(), /Found __Secure-1PSID and __Secure-1PSIDTS\./);
    await page.getByRole("heading", { name: "This gateway is ready." }).waitFor();
    assert.equal(await page.locator("#paste").inputValue(), "", "what was pasted is gone");
    await page.getByText("Open. The account has gemini-flash").waitFor();
    await page.getByLabel("Message").fill("[[stand-in: text=at%20last]]");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("#log .turn:not(.me)").getByText("at last").waitFor();
    await shoot(page, `cookies-${shape.replaceAll(" ", "-")}`);
    await accessible(page, shape);
    await close();
    assert.ok(!/g\.a000|sidts-/.test(gateway.log()), "no cookie in the log");
    await gateway.stop();
  });
}

test("cookies that do not work are told apart, and the session goes on", async () => {
  const own = await startStandIn();
  const gateway = await startGateway(own, COOKIES);
  const { page, close } = await visit(browser, gateway.url, { viewport: { width: 360, height: 740 }, allowed: [/status of 400/] });
  await unlock(page);
  await page.getByText("New cookies, when the session ends").click();
  const verdict = page.locator("#verdict");
  const attempt = async (text) => {
    await page.getByLabel("Anything that holds both cookies").fill(text);
    await page.getByRole("button", { name: "Try these cookies" }).click();
  };
  await attempt("");
  await verdict.getByText("Paste the cookies first.").waitFor();
  await attempt("NID=1; AEC=2");
  await verdict.getByText("There is no __Secure-1PSID in it.").waitFor();
  await own.tell("rotation device-bound");
  await attempt(`${ID}=g.a000bound; ${TS}=sidts-bound`);
  await verdict.getByText("Bound to a device.").waitFor();
  await verdict.getByText("the session that works was kept").waitFor();
  await own.tell("rotation refused");
  await own.tell("seed g.a000gone sidts-newer");
  await attempt(`${ID}=g.a000gone; ${TS}=sidts-older`);
  await verdict.getByText("Signed out.").waitFor();
  await own.tell("page sorry");
  await attempt(`${ID}=g.a000blocked; ${TS}=sidts-blocked`);
  await verdict.getByText("Google refuses.").waitFor();
  await fits(page);
  await accessible(page, "verdict");
  await shoot(page, "cookies-refused-phone");
  await attempt(`${ID}=g.a000first; ${TS}=sidts-first`);
  await verdict.getByText("Already in use.").waitFor();
  await page.getByLabel("Message").fill("[[stand-in: text=still%20here]]");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#log .turn:not(.me)").getByText("still here").waitFor();
  await close();
  await gateway.stop();
  own.stop();
});
