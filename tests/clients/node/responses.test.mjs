// The Responses API through the official client.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { Gateway, standIn, user } from './gateway.mjs';

// Every character class that a chunk border, an escape or a clean-up could damage.
const HOSTILE = 'a\u00e9\u4e2d😀👩\u200d🔬🇳🇴e\u0301 "q" \\b\\ \t|\n\n`code_1`\u2028 \\_ <b>&</b> [x](y) data: [DONE]';

let gateway, client, model;
before(async () => {
  gateway = await Gateway.start();
  client = gateway.client();
  model = (await client.models.list()).data[0].id;
});
after(async () => assert.equal(await gateway.stop(), 0));

const respond = (input, options = {}) => client.responses.create({ model, input, ...options });
const collect = async (stream) => {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
};
const deltas = (events) =>
  events
    .filter((event) => event.type === 'response.output_text.delta')
    .map((event) => event.delta)
    .join('');

describe('whole answers', () => {
  test('have everything the client declares', async () => {
    const answer = await respond(standIn({ text: 'Hello there', thoughts: 200 }), { metadata: { a: 'b' } });
    assert.match(answer.id, /^resp_/);
    assert.deepEqual([answer.object, answer.status, answer.error], ['response', 'completed', null]);
    assert.deepEqual([answer.output_text, answer.model], ['Hello there', model]);
    assert.deepEqual(answer.metadata, { a: 'b' });
    assert.deepEqual(
      answer.output.map((item) => item.type),
      ['reasoning', 'message'],
    );
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
    assert.ok(answer._request_id);
  });

  test('can be sent back as the client parsed them', async () => {
    const input = user(standIn({ text: 'remembered-answer', thoughts: 50 }));
    input.push(...(await respond(input)).output, ...user(standIn({ echo: true })));
    assert.match((await respond(input)).output_text, /remembered-answer/);
  });

  test('are cut at max_output_tokens and say so', async () => {
    const answer = await respond(standIn({ len: 2000, alphabet: 'ascii' }), { max_output_tokens: 10 });
    assert.deepEqual([answer.status, answer.incomplete_details.reason], ['incomplete', 'max_output_tokens']);
  });

  test('are parsed against a schema', async () => {
    const Place = z.object({ name: z.string(), people: z.number() });
    const answer = await client.responses.parse({
      model,
      input: standIn({ text: '{"name": "Bern", "people": 134000}' }),
      text: { format: zodTextFormat(Place, 'place') },
    });
    assert.deepEqual(answer.output_parsed, { name: 'Bern', people: 134000 });
  });

  test('name what cannot act', async () => {
    const { response } = await respond(standIn({ text: 'x' }), { temperature: 0.3, store: true }).withResponse();
    assert.equal(response.headers.get('x-gateway-ignored-params'), 'store, temperature');
  });
});

describe('streams', () => {
  test('consist of the documented events', async () => {
    const events = await collect(await respond(standIn({ text: 'Hello there', frames: 4 }), { stream: true }));
    assert.deepEqual(
      events.map((event) => event.sequence_number),
      events.map((_, index) => index),
    );
    const types = events.map((event) => event.type.replace('response.', ''));
    assert.deepEqual(types.slice(0, 4), ['created', 'in_progress', 'output_item.added', 'content_part.added']);
    assert.deepEqual(types.slice(-4), ['output_text.done', 'content_part.done', 'output_item.done', 'completed']);
    assert.equal(events.at(-1).response.output[0].content[0].text, deltas(events));
  });

  test('work with the helper, byte for byte', async () => {
    const runner = client.responses.stream({ model, input: standIn({ text: HOSTILE, frames: 20, thoughts: 100 }) });
    let text = '';
    runner.on('response.output_text.delta', (event) => (text += event.delta));
    const final = await runner.finalResponse();
    assert.equal(text, HOSTILE);
    assert.equal(final.output_text, HOSTILE);
  });

  test('are parsed against a schema', async () => {
    const Place = z.object({ name: z.string() });
    const runner = client.responses.stream({
      model,
      input: standIn({ text: '{"name": "Bern"}', frames: 5 }),
      text: { format: zodTextFormat(Place, 'place') },
    });
    assert.deepEqual((await runner.finalResponse()).output_parsed, { name: 'Bern' });
  });

  test('end with the client', async () => {
    const stream = await respond(standIn({ len: 6000, alphabet: 'ascii', frames: 300, delay: 200 }), { stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    assert.ok(await gateway.settlesAt(0));
  });
});

describe('failures', () => {
  const thrown = (promise) =>
    promise.then(
      () => assert.fail('nothing was thrown'),
      (error) => error,
    );

  test('name the field', async () => {
    const error = await thrown(respond('x', { previous_response_id: 'resp_1' }));
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code], ['previous_response_id', 'previous_response_not_found']);
  });

  test('of an unknown model, and of what is not kept', async () => {
    const unknown = await thrown(client.responses.create({ model: 'gpt-4o-nonesuch', input: 'x' }));
    assert.deepEqual([unknown.status, unknown.code], [404, 'model_not_found']);
    const gone = await thrown(client.responses.retrieve('resp_1'));
    assert.deepEqual([gone.status, gone.code], [404, 'response_not_found']);
  });

  test('after the first piece are thrown, with and without the helper', async () => {
    const fresh = await Gateway.start();
    try {
      const input = standIn({ text: 'abcdefghijklmnopqrst', frames: 10, delay: 20, error: 1013, error_at: 5 });
      const request = { model, input, stream: true };
      let text = '';
      const error = await thrown(
        (async () => {
          for await (const event of await fresh.client().responses.create(request)) {
            assert.notEqual(event.type, 'response.completed');
            text += event.delta ?? '';
          }
        })(),
      );
      assert.ok(error instanceof OpenAI.APIError && error.code && error.message);
      assert.ok(text && 'abcdefghijklmnopqrst'.startsWith(text));
      const helper = fresh.client().responses.stream({ model, input });
      assert.ok((await thrown(helper.finalResponse())) instanceof OpenAI.OpenAIError);
    } finally {
      assert.equal(await fresh.stop(), 0);
    }
  });
});
