// Whole and streamed answers through the official client.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Gateway, standIn, user } from './gateway.mjs';

// Every character class that a chunk border, an escape or a clean-up could damage.
const HOSTILE = 'a\u00e9\u4e2d😀👩\u200d🔬🇳🇴e\u0301 "q" \\b\\ \t|\n\n`code_1`\u2028 \\_ <b>&</b> [x](y) data: [DONE]';
const ALPHABETS = ['ascii', 'cjk', 'emoji', 'astral', 'mixed', 'md', 'html', 'escapes'];
// A minute of pieces: long enough to be left in the middle.
const ENDLESS = standIn({ len: 6000, alphabet: 'ascii', frames: 300, delay: 200 });

let gateway, client, model;
before(async () => {
  gateway = await Gateway.start();
  client = gateway.client();
  model = (await client.models.list()).data[0].id;
});
after(async () => assert.equal(await gateway.stop(), 0));

const ask = (prompt, options = {}) => client.chat.completions.create({ model, messages: user(prompt), ...options });
const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
const firstPiece = async (stream) => {
  for await (const chunk of stream) if (chunk.choices[0].delta.content) return chunk;
};

describe('whole answers', () => {
  test('have everything the client declares', async () => {
    const answer = await ask(standIn({ text: 'Hello there' }));
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.object, 'chat.completion');
    assert.ok(Number.isInteger(answer.created) && answer.model);
    assert.equal(answer.choices.length, 1);
    const [choice] = answer.choices;
    assert.deepEqual([choice.index, choice.finish_reason, choice.logprobs], [0, 'stop', null]);
    assert.deepEqual([choice.message.role, choice.message.content], ['assistant', 'Hello there']);
    assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.ok(answer._request_id);
  });

  test('end before a stop sequence', async () => {
    const answer = await ask(standIn({ text: 'one two HALT three', frames: 18 }), { stop: ['NEVER', 'HALT'] });
    assert.equal(answer.choices[0].message.content, 'one two ');
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });

  for (const field of ['max_tokens', 'max_completion_tokens']) {
    test(`are cut at ${field} and say so`, async () => {
      const prompt = standIn({ len: 2000, alphabet: 'ascii' });
      const whole = (await ask(prompt)).choices[0].message.content;
      const cut = await ask(prompt, { [field]: 10 });
      const text = cut.choices[0].message.content;
      assert.ok(text.length > 0 && text.length < whole.length && whole.startsWith(text));
      assert.equal(cut.choices[0].finish_reason, 'length');
      assert.ok(cut.usage.completion_tokens <= 10);
    });
  }

  test('see the whole history, in order', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '{"word":"tern"}' } };
    const messages = [
      { role: 'system', content: 'system-says-amber' },
      { role: 'developer', content: [{ type: 'text', text: 'developer-says-birch' }] },
      { role: 'user', content: 'user-says-cedar' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: 'tool-says-daisy' },
      { role: 'assistant', content: 'assistant-says-elder' },
      { role: 'user', content: `user-says-fern ${standIn({ echo: true })}` },
    ];
    const answer = await client.chat.completions.create({ model, messages });
    const seen = answer.choices[0].message.content;
    const told = ['amber', 'birch', 'cedar', 'look_up', 'tern', 'daisy', 'elder', 'fern'];
    const places = told.map((word) => seen.indexOf(word));
    assert.ok(!places.includes(-1), seen);
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
  });

  test('come with their headers', async () => {
    const { data, response, request_id } = await ask(standIn({ text: 'x' }), { temperature: 0.3 }).withResponse();
    assert.equal(data.choices[0].message.content, 'x');
    assert.match(response.headers.get('content-type'), /^application\/json/);
    assert.equal(response.headers.get('x-gateway-requested-model'), model);
    assert.match(response.headers.get('x-gateway-ignored-params'), /\btemperature\b/);
    assert.equal(response.headers.get('x-request-id'), request_id);
  });
});

describe('streams', () => {
  test('consist of the documented chunks', async () => {
    const chunks = await collect(await ask(standIn({ len: 300, alphabet: 'ascii', frames: 10 }), { stream: true }));
    const [first, ...rest] = chunks;
    const last = rest.pop();
    assert.equal(new Set(chunks.map((c) => JSON.stringify([c.id, c.created, c.model, c.object]))).size, 1);
    assert.equal(first.object, 'chat.completion.chunk');
    assert.deepEqual(first.choices[0].delta, { role: 'assistant', content: '' });
    assert.ok(rest.length > 1);
    assert.ok(rest.every((c) => c.choices[0].finish_reason === null && c.choices[0].delta.role === undefined));
    assert.equal(last.choices[0].finish_reason, 'stop');
    assert.ok(chunks.every((c) => c.choices.length === 1 && !c.usage && !('error' in c)));
  });

  test('end in one usage chunk when asked', async () => {
    const options = { stream: true, stream_options: { include_usage: true } };
    const chunks = await collect(await ask(standIn({ text: 'Hello there' }), options));
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.total_tokens > 0);
    assert.ok(chunks.every((c) => !c.usage));
  });

  test('obey stop and the token limit', async () => {
    const stopped = await collect(await ask(standIn({ text: 'one HALT two', frames: 12 }), { stream: true, stop: 'HALT' }));
    assert.equal(textOf(stopped), 'one ');
    assert.equal(stopped.at(-1).choices[0].finish_reason, 'stop');
    const long = standIn({ len: 2000, alphabet: 'ascii', frames: 40 });
    const cut = await collect(await ask(long, { stream: true, max_tokens: 10 }));
    assert.ok(textOf(cut).length > 0);
    assert.equal(cut.at(-1).choices[0].finish_reason, 'length');
  });

  for (const alphabet of ALPHABETS) {
    test(`say what the whole answer says: ${alphabet}`, async () => {
      const prompt = standIn({ len: 600, alphabet, frames: 15, split: 'random' });
      const whole = (await ask(prompt)).choices[0].message.content;
      assert.ok(whole.length > 100);
      assert.equal(textOf(await collect(await ask(prompt, { stream: true }))), whole);
    });
  }

  test('bring hostile text unchanged', async () => {
    const prompt = standIn({ text: HOSTILE, frames: 20 });
    assert.equal((await ask(prompt)).choices[0].message.content, HOSTILE);
    assert.equal(textOf(await collect(await ask(prompt, { stream: true }))), HOSTILE);
  });

  test('keep thoughts apart', async () => {
    const chunks = await collect(await ask(standIn({ text: 'visible', thoughts: 200 }), { stream: true }));
    assert.equal(textOf(chunks), 'visible');
    assert.ok(chunks.map((c) => c.choices[0].delta.reasoning_content ?? '').join('').length > 100);
  });

  test('work with the stream helper', async () => {
    const runner = client.chat.completions.stream({
      model,
      messages: user(standIn({ len: 120, alphabet: 'astral', frames: 6 })),
      stream_options: { include_usage: true },
    });
    let pieces = '';
    runner.on('content', (delta) => (pieces += delta));
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].message.content, pieces);
    assert.equal([...pieces].length, 120);
    assert.equal(final.choices[0].finish_reason, 'stop');
    assert.ok((await runner.totalUsage()).total_tokens > 0);
  });
});

describe('a client that leaves takes its generation with it', () => {
  test('by breaking out of the loop', async () => {
    await firstPiece(await ask(ENDLESS, { stream: true }));
    assert.ok(await gateway.settlesAt(0));
  });

  test('by aborting a stream', async () => {
    const stream = await ask(ENDLESS, { stream: true });
    assert.ok(await gateway.settlesAt(1));
    stream.controller.abort();
    assert.ok(await gateway.settlesAt(0));
  });

  test('by aborting a whole answer', async () => {
    const controller = new AbortController();
    const refused = assert.rejects(
      client.chat.completions.create({ model, messages: user(ENDLESS) }, { signal: controller.signal }),
      { name: 'Error', message: /abort/i },
    );
    assert.ok(await gateway.settlesAt(1));
    controller.abort();
    await refused;
    assert.ok(await gateway.settlesAt(0));
  });

  test('by aborting the stream helper', async () => {
    const runner = client.chat.completions.stream({ model, messages: user(ENDLESS) });
    runner.once('content', () => runner.abort());
    await assert.rejects(runner.done(), /abort/i);
    assert.ok(await gateway.settlesAt(0));
    assert.equal((await ask(standIn({ text: 'still here' }))).choices[0].message.content, 'still here');
  });
});
