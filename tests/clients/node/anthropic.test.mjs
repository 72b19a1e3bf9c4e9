// Anthropic's messages through its official client: whole, streamed, counted, failing.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { Gateway, standIn, user } from './gateway.mjs';

// Every character class that a chunk border, an escape or a clean-up could damage.
const HOSTILE = 'a\u00e9\u4e2d😀👩\u200d🔬🇳🇴e\u0301 "q" \\b\\ \t|\n\n`code_1`\u2028 \\_ <b>&</b> [x](y) data: [DONE]';

// Without retries unless asked: a test that passes at the second attempt hides a failure.
const connect = (to, options = {}) =>
  new Anthropic({ baseURL: to.origin, apiKey: to.key, maxRetries: 0, timeout: 30_000, ...options });

let gateway, client, model;
before(async () => {
  gateway = await Gateway.start();
  client = connect(gateway);
  model = (await client.models.list()).data[0].id;
});
after(async () => assert.equal(await gateway.stop(), 0));

const asked = (prompt, options = {}) => ({ model, max_tokens: 10_000, messages: user(prompt), ...options });
const textOf = (message) => message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');

async function withFresh(use) {
  const fresh = await Gateway.start();
  try {
    await use(fresh);
  } finally {
    assert.equal(await fresh.stop(), 0);
  }
}

const thrown = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
};

test('a message', async () => {
  const message = await client.messages.create(asked(standIn({ text: HOSTILE })));
  assert.equal(textOf(message), HOSTILE);
  assert.deepEqual(
    [message.type, message.role, message.model, message.stop_reason, message.stop_sequence],
    ['message', 'assistant', model, 'end_turn', null],
  );
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
  assert.ok(message._request_id);
});

test('the events of a stream, and its helper', async () => {
  const prompt = standIn({ text: HOSTILE, frames: 7, split: 'random' });
  const kinds = [];
  let text = '';
  for await (const event of await client.messages.create(asked(prompt, { stream: true }))) {
    kinds.push(event.type);
    if (event.type === 'content_block_delta') text += event.delta.text;
  }
  assert.equal(text, HOSTILE);
  assert.deepEqual(kinds.slice(0, 2), ['message_start', 'content_block_start']);
  assert.deepEqual(kinds.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);

  const stream = client.messages.stream(asked(prompt));
  let pieces = '';
  stream.on('text', (piece) => (pieces += piece));
  const final = await stream.finalMessage();
  assert.equal(pieces, HOSTILE);
  assert.equal(textOf(final), HOSTILE);
  assert.equal(final.stop_reason, 'end_turn');
  assert.ok(final.usage.input_tokens > 0 && final.usage.output_tokens > 0);
});

test('thoughts are a block for those who ask', async () => {
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const prompt = standIn({ text: 'Yes.', thoughts: 60 });
  const streamed = await client.messages.stream(asked(prompt, { thinking })).finalMessage();
  const whole = await client.messages.create(asked(prompt, { thinking }));
  for (const message of [streamed, whole]) {
    assert.deepEqual(message.content.map((block) => block.type), ['thinking', 'text']);
    assert.ok(message.content[0].thinking.length >= 60 && message.content[0].signature);
  }
});

test('tokens are counted', async () => {
  const { input_tokens } = await client.messages.countTokens({ model, messages: user('Hello') });
  const more = await client.messages.countTokens({ model, messages: user('Hello'), system: 'Be brief.' });
  assert.ok(input_tokens > 0 && more.input_tokens > input_tokens);
});

test('a wrong key', async () => {
  const error = await thrown(connect(gateway, { apiKey: 'sk-ant-not-the-key' }).messages.create(asked('x')));
  assert.ok(error instanceof Anthropic.AuthenticationError);
  assert.deepEqual([error.status, error.type], [401, 'authentication_error']);
  assert.doesNotMatch(error.message, /not-the-key/);
  assert.ok(error.requestID);
});

describe('a bad body names the field', () => {
  const cases = [
    ['max_tokens', { max_tokens: null }],
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'wizard', content: 'x' }] }],
    ['stop_sequences', { stop_sequences: 5 }],
    ['tools[0].type', { tools: [{ type: 'bash_20250124', name: 'bash' }] }],
  ];
  for (const [param, body] of cases) {
    test(param, async () => {
      const error = await thrown(client.messages.create({ ...asked('x'), ...body }));
      assert.ok(error instanceof Anthropic.BadRequestError);
      assert.deepEqual([error.error.error.details.param, error.type], [param, 'invalid_request_error']);
    });
  }
});

test('an unknown model', async () => {
  const error = await thrown(client.messages.create(asked('x', { model: 'claude-nonesuch' })));
  assert.ok(error instanceof Anthropic.NotFoundError);
  assert.equal(error.error.error.details.error_code, 'model_not_found');
});

test('what waiting cannot cure is asked for once', () =>
  withFresh(async (fresh) => {
    let attempts = 0;
    const counted = (...call) => {
      attempts += 1;
      return fetch(...call);
    };
    const error = await thrown(
      connect(fresh, { maxRetries: 2, fetch: counted }).messages.create(asked(standIn({ error: 1037 }))),
    );
    assert.ok(error instanceof Anthropic.RateLimitError);
    assert.equal(attempts, 1);
  }));

test('a failure after the first piece is thrown, by the stream and by its helper', () =>
  withFresh(async (fresh) => {
    const prompt = standIn({ text: 'abcdefghijklmnopqrst', frames: 10, delay: 20, error: 1013, error_at: 5 });
    const kinds = [];
    const stream = await connect(fresh).messages.create(asked(prompt, { stream: true }));
    const error = await thrown(
      (async () => {
        for await (const event of stream) kinds.push(event.type);
      })(),
    );
    assert.ok(error instanceof Anthropic.APIError && error.message);
    assert.ok(kinds.includes('content_block_delta') && !kinds.includes('message_delta'));
    const helper = connect(fresh).messages.stream(asked(prompt));
    assert.ok((await thrown(helper.finalMessage())) instanceof Anthropic.AnthropicError);
    assert.ok(await fresh.settlesAt(0));
  }));
