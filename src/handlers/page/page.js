"use strict";
// What the page can do once somebody has entered a key. The key is kept in a variable and nowhere else.
const $ = (id) => document.getElementById(id);
const root = location.pathname.replace(/\/+$/, "");
const prefix = document.body.dataset.prefix;
let key = null;

/** An element with a text or children. Texts are never read as HTML. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Calls the gateway. Its own header for the key: a proxy in front may have a use for Authorization. */
async function call(path, body, signal) {
  const headers = { "x-api-key": key };
  if (body) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(root + path, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The gateway cannot be reached. Is it running?");
  }
  if (!response.ok) throw await failure(response);
  return response;
}

/** What a refusal says. One that is not in the gateway's words comes from something in front of it. */
async function failure(response) {
  const text = await response.text();
  let told;
  try { told = JSON.parse(text).error; } catch { /* Told below. */ }
  const error = new Error(told?.message
    ?? `Something in front of the gateway answered ${response.status}. On a private Space, open this page by its own address and not inside the Hub's page.`);
  error.status = response.status;
  error.code = told?.code;
  return error;
}

function ago(seconds) {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

// --- the key

async function open(event) {
  event.preventDefault();
  const field = $("key"), button = event.submitter ?? event.target.querySelector("button");
  key = field.value.trim();
  $("key-problem").textContent = "";
  button.disabled = true;
  try {
    // Only characters that a header can carry; any other key is none.
    if (!/^[\x21-\x7e]+$/.test(key)) throw Object.assign(new Error(), { status: 401 });
    await look();
    field.value = "";
    unlocked(true);
    ($("cookies").querySelector("details").open ? $("paste") : $("prompt")).focus();
  } catch (error) {
    key = null;
    $("key-problem").textContent = error.status === 401 ? "That is none of this gateway's keys." : error.message;
    field.focus();
  } finally {
    button.disabled = false;
  }
}

function listed(models) {
  const names = models.map((model) => model.id).join(", ");
  if (models[0]?.source === "static") return `The account could not be asked for its models; these are usual: ${names}.`;
  return `The account has ${names}.`;
}

function unlocked(is) {
  $("door").hidden = is;
  for (const id of ["chat", "cookies-form"]) $(id).hidden = !is;
  for (const element of document.querySelectorAll("[data-locked]")) element.hidden = is;
  if (!is) $("errors").hidden = true;
}

function forget() {
  key = null;
  chat.fresh();
  unlocked(false);
  for (const id of ["error-list", "verdict", "model", "opened"]) $(id).replaceChildren();
  $("cookies-form").reset();
  $("key").focus();
}

// --- the state

/** Reads the state anew: what anyone may see from the page itself, the last errors and the models with the key. */
async function look() {
  const asked = key;
  const session = await (await call("/session")).json();
  const models = await (await call(`${prefix}/models`)).json();
  // Forgotten meanwhile.
  if (key !== asked) return;
  offer(models.data);
  $("errors").hidden = session.errors.length === 0;
  $("error-list").replaceChildren(...session.errors.map((error) => make("li", {},
    make("code", {}, error.code),
    make("span", { class: "when" }, `${ago(error.age_s)} ago${error.count > 1 ? `, ${error.count} times` : ""}`),
    make("p", {}, error.message))));
  const page = await fetch(`${root}/`, { headers: { accept: "text/html" }, cache: "no-store" });
  // Its style would count as one of this page's, and carries another nonce.
  const html = (await page.text()).replace(/<style[^]*?<\/style>/, "");
  const now = new DOMParser().parseFromString(html, "text/html").getElementById("now");
  if (now) $("now").replaceChildren(...now.childNodes);
}

function offer(models) {
  const text = `Open. ${listed(models)}`;
  // A text that is set anew would be read out anew.
  if ($("opened").textContent === text) return;
  $("opened").textContent = text;
  const chosen = $("model").value;
  $("model").replaceChildren(...models.map((model) => make("option", {}, model.id)));
  if (models.some((model) => model.id === chosen)) $("model").value = chosen;
}

async function lookAgain() {
  if (key === null || document.hidden) return;
  // A look that fails is told by whatever is asked next.
  try { await look(); } catch { /* See above. */ }
}

// --- new cookies

async function enter(event) {
  event.preventDefault();
  const [paste, psid, psidts, verdict] = ["paste", "psid", "psidts", "verdict"].map($);
  const pair = { "__Secure-1PSID": psid.value.trim(), "__Secure-1PSIDTS": psidts.value.trim() };
  const button = event.target.querySelector("button");
  verdict.className = "";
  if (!paste.value.trim() && !pair["__Secure-1PSID"]) {
    verdict.replaceChildren(make("p", {}, "Paste the cookies first."));
    paste.focus();
    return;
  }
  verdict.replaceChildren(make("p", {}, "Trying: signing in, and renewing once …"));
  button.disabled = true;
  try {
    const cookies = paste.value.trim() ? paste.value : pair;
    const told = await (await call("/session/cookies", { cookies })).json();
    verdict.className = told.in_use ? "good" : "bad";
    verdict.replaceChildren(make("p", {}, make("b", {}, VERDICTS[told.verdict] ?? told.verdict), ` ${told.message}`),
      make("ul", {}, ...told.found.map((line) => make("li", {}, line))));
    if (told.in_use) event.target.reset();
  } catch (error) {
    verdict.className = "bad";
    verdict.replaceChildren(make("p", {}, error.message));
  } finally {
    button.disabled = false;
    lookAgain();
  }
}

const VERDICTS = {
  unchanged: "Already in use.", renewable: "Good: renewable.", unproven: "Good, with a doubt.", device_bound: "Bound to a device.",
  stale: "Stale.", guest: "Signed out.", blocked: "Google refuses.", unreachable: "No result.", failed: "Failed.",
};

async function choose() {
  const [file] = $("file").files;
  // A whole browser's cookies are some 300 KiB.
  if (file && file.size > 1 << 20) {
    $("verdict").replaceChildren(make("p", {}, "That file is too large to be one of cookies."));
  } else if (file) {
    $("paste").value = await file.text();
  }
  $("file").value = "";
}

// --- recipes

function copyable(pre) {
  const text = pre.textContent;
  const button = make("button", { type: "button", class: "plain", "aria-label": `Copy: ${pre.getAttribute("aria-label")}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  const frame = make("div", { class: "copyable" });
  pre.replaceWith(frame);
  frame.append(pre, button);
}

$("key-form").addEventListener("submit", open);
$("forget").addEventListener("click", forget);
$("cookies-form").addEventListener("submit", enter);
$("file").addEventListener("change", choose);
document.querySelectorAll("[data-copy]").forEach(copyable);
document.querySelectorAll("[data-locked], #door").forEach((element) => { element.hidden = false; });
setInterval(lookAgain, 30000);
document.addEventListener("visibilitychange", lookAgain);
