// The chat box: one conversation in memory, streamed, with the model that really answered.
const chat = (() => {
  let turns = [];
  let running = null;

  function turn(who, text) {
    const line = make("div", { class: "who" }, who);
    const words = make("p", {}, text);
    const element = make("div", { class: text ? "turn me" : "turn" }, line, words);
    $("log").append(element);
    return { element, line, words };
  }

  function scroll() { $("log").scrollTop = $("log").scrollHeight; }

  async function send(event) {
    event?.preventDefault();
    if (running) return running.abort();
    const prompt = $("prompt").value.trim();
    if (!prompt) return $("prompt").focus();
    $("chat-problem").textContent = "";
    turn("You", prompt);
    const model = $("model").value;
    const shown = turn(`${model} …`, "");
    // Only whole answers become part of the conversation.
    const messages = [...turns, { role: "user", content: prompt }];
    $("prompt").value = "";
    busy(new AbortController(), shown);
    scroll();
    try {
      const response = await call(`${prefix}/chat/completions`, { model, messages, stream: true }, running.signal);
      const answer = await read(response, model, shown);
      turns = [...messages, { role: "assistant", content: answer }];
    } catch (error) {
      stopped(error, prompt, shown);
    } finally {
      busy(null, shown);
      lookAgain();
    }
  }

  /** Reads the stream; gives the whole text, or throws what cut it. */
  async function read(response, asked, shown) {
    const served = { model: null, label: response.headers.get("x-gateway-served-label") };
    let text = "", finish = null;
    for await (const line of lines(response.body)) {
      if (line.startsWith(": served-by ")) served.label = line.slice(12);
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const chunk = JSON.parse(line.slice(6));
      if (chunk.error) throw new Error(chunk.error.message);
      served.model = chunk.model ?? served.model;
      const choice = chunk.choices?.[0];
      finish = choice?.finish_reason ?? finish;
      const piece = choice?.delta?.content;
      if (piece) {
        text += piece;
        shown.words.textContent = text;
      }
      name(shown.line, served, asked, choice?.delta?.reasoning_content && !text);
      scroll();
    }
    if (!finish) throw new Error("The answer broke off before its end. Ask again.");
    if (finish !== "stop") shown.line.append(`, ended by “${finish}”`);
    return text;
  }

  /** Who answered, and who was asked where that is somebody else. */
  function name(line, served, asked, thinking) {
    const parts = [served.model ?? asked];
    if (served.label) parts.push(make("span", { class: "label" }, ` (${served.label})`));
    if (served.model && served.model !== asked) parts.push(make("span", { class: "label" }, `, asked for ${asked}`));
    if (thinking) parts.push(make("span", { class: "label" }, ", thinking …"));
    line.replaceChildren(...parts);
  }

  async function* lines(body) {
    const decoder = new TextDecoder();
    const reader = body.getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const whole = rest.split(/\r?\n/);
      rest = whole.pop();
      yield* whole;
      if (done) return;
    }
  }

  function stopped(error, prompt, shown) {
    // A new chat was begun meanwhile.
    if (!shown.element.isConnected) return;
    if (!shown.words.textContent) shown.element.remove();
    if (error.name === "AbortError") {
      shown.line.append(", stopped");
    } else {
      $("chat-problem").textContent = error.message;
    }
    if (!$("prompt").value) $("prompt").value = prompt;
  }

  /** While an answer comes, its button stops it. Readers of the log hear of it when it is whole. */
  function busy(controller, shown) {
    running = controller;
    $("send").textContent = controller ? "Stop" : "Send";
    $("log").setAttribute("aria-busy", String(controller !== null));
    shown?.words.classList.toggle("busy", controller !== null);
  }

  function fresh() {
    running?.abort();
    turns = [];
    $("log").replaceChildren();
    $("chat-problem").textContent = "";
    $("prompt").value = "";
  }

  $("chat-form").addEventListener("submit", send);
  $("fresh").addEventListener("click", () => { fresh(); $("prompt").focus(); });
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || running) return;
    event.preventDefault();
    send();
  });
  return { fresh };
})();
