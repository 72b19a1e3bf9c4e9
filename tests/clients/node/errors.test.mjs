// Failures and models through the official client: the class it throws, with status, code and parameter.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { Gateway, standIn, user } from './gateway.mjs';

let gateway, client, model;
before(async () => {
  gateway = await Gateway.start();
  client = gateway.client();
  model = (await client.models.list()).data[0].id;
});
after(async () => assert.equal(await gateway.stop(), 0));

/** A gateway of its own, for faults that may rightly change what later requests get. */
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

test('models can be listed and retrieved', async () => {
  const { data } = await client.models.list();
  assert.ok(data.length > 0);
  for (const { id, object, created } of data) {
    assert.deepEqual([object, Number.isInteger(created)], ['model', true]);
    assert.equal((await client.models.retrieve(id)).id, id);
  }
  const error = await thrown(client.models.retrieve('no-such/model'));
  assert.ok(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, 'model_not_found');
});

test('a wrong key', async () => {
  const error = await thrown(gateway.client({ apiKey: 'sk-this-is-not-the-key' }).models.list());
  assert.ok(error instanceof OpenAI.AuthenticationError);
  assert.deepEqual([error.status, error.code, error.type], [401, 'invalid_api_key', 'invalid_request_error']);
  assert.doesNotMatch(error.message, /this-is-not-the-key/);
  assert.ok(error.requestID);
});

for (const stream of [false, true]) {
  test(`an unknown model, stream: ${stream}`, async () => {
    const error = await thrown(
      client.chat.completions.create({ model: 'gpt-4o-nonesuch', messages: user('x'), stream }),
    );
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
  });
}

describe('a bad body names the field', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGVsbG8=' } };
  const cases = [
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'wizard', content: 'x' }] }],
    ['messages[0].content[0].image_url.url', { messages: [{ role: 'user', content: [image] }] }],
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['stop', { stop: 5 }],
    ['response_format.type', { response_format: { type: 'xml' } }],
  ];
  for (const [param, body] of cases) {
    test(param, async () => {
      const error = await thrown(client.chat.completions.create({ model, messages: user('x'), ...body }));
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.deepEqual([error.param, error.type], [param, 'invalid_request_error']);
    });
  }
});

for (const stream of [false, true]) {
  test(`a failure before the first piece keeps its status, stream: ${stream}`, () =>
    withFresh(async (fresh) => {
      const messages = user(standIn({ error: 1037 }));
      const error = await thrown(fresh.client().chat.completions.create({ model, messages, stream }));
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.deepEqual([error.status, error.code], [429, 'usage_limit_reached']);
      assert.ok(await fresh.settlesAt(0));
    }));
}

test('what waiting cannot cure is asked for once', () =>
  withFresh(async (fresh) => {
    let attempts = 0;
    const counted = (...call) => {
      attempts += 1;
      return fetch(...call);
    };
    const messages = user(standIn({ error: 1037 }));
    await thrown(fresh.client({ maxRetries: 2, fetch: counted }).chat.completions.create({ model, messages }));
    assert.equal(attempts, 1);
  }));

test('a failure after the first piece is thrown, by the stream and by its helper', () =>
  withFresh(async (fresh) => {
    const messages = user(
      standIn({ text: 'abcdefghijklmnopqrst', frames: 10, delay: 20, error: 1013, error_at: 5 }),
    );
    let text = '';
    const stream = await fresh.client().chat.completions.create({ model, messages, stream: true });
    const error = await thrown(
      (async () => {
        for await (const chunk of stream) {
          assert.equal(chunk.choices[0].finish_reason, null);
          text += chunk.choices[0].delta.content ?? '';
        }
      })(),
    );
    assert.ok(error instanceof OpenAI.APIError && error.code && error.message);
    assert.ok(text && 'abcdefghijklmnopqrst'.startsWith(text));
    const helper = fresh.client().chat.completions.stream({ model, messages });
    assert.ok((await thrown(helper.done())) instanceof OpenAI.OpenAIError);
    assert.ok(await fresh.settlesAt(0));
  }));
