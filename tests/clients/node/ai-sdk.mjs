// What Vercel's AI SDK has to do with any of its providers, as tests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ai from 'ai';
import { z } from 'zod';
import { Gateway, PIXEL, calls, standIn } from './gateway.mjs';

// Its remarks on what is deprecated, and on what a provider leaves out.
globalThis.AI_SDK_LOG_WARNINGS = false;

const City = z.object({ name: z.string(), inhabitants: z.number().int() });
const CITY = { name: 'Oslo', inhabitants: 700000 };
const OSLO = ['weather', { city: 'Oslo', days: 2 }];
const ROME = ['weather', { city: 'Rome', days: 1 }];
// A minute of pieces: long enough to be left in the middle.
const ENDLESS = standIn({ len: 6000, alphabet: 'ascii', frames: 300, delay: 200 });

/** A tool that remembers what it was asked, and says what the model is to say next. */
function weather() {
  const asked = [];
  const tools = {
    weather: ai.tool({
      description: 'The weather of a city.',
      inputSchema: z.object({ city: z.string(), days: z.number().int() }),
      execute: async (input) => {
        asked.push(input);
        return `4 degrees ${standIn({ text: 'Cold.' })}`;
      },
    }),
  };
  return { asked, tools, stopWhen: ai.isStepCount(4) };
}

const rejected = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
};

/**
 * Defines the tests. `connect(gateway, key?)` gives a function from a model's name to a model, `gateway()` the running
 * gateway and `name()` the name of a model on it; `thoughts`: this provider shows them.
 */
export function suite({ connect, gateway, name, thoughts }) {
  // Nothing is retried: passing at the second attempt would hide a failure.
  const settings = (options) => ({ maxRetries: 0, model: connect(gateway())(name()), ...options });
  const ask = (options) => ai.generateText(settings(options));
  const flow = (options) => ai.streamText(settings(options));

  test('a text', async () => {
    const prompt = standIn({ text: 'Hello there', thoughts: 60 });
    const answer = await ask({ instructions: 'Be brief.', prompt });
    assert.deepEqual([answer.text, answer.finishReason], ['Hello there', 'stop']);
    assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
    if (thoughts) assert.ok(answer.reasoningText.length > 30);
  });

  test('a stream says what the whole text says', async () => {
    const prompt = standIn({ len: 300, alphabet: 'mixed', frames: 9, split: 'random' });
    const stream = flow({ prompt });
    const pieces = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    assert.ok(pieces.length > 1);
    assert.equal(pieces.join(''), (await ask({ prompt })).text);
    assert.equal(await stream.finishReason, 'stop');
  });

  test('tools over several steps', async () => {
    const { asked, ...options } = weather();
    const answer = await ask({ ...options, prompt: calls([OSLO, ROME]) });
    assert.deepEqual(asked, [OSLO[1], ROME[1]]);
    assert.equal(answer.text, 'Cold.');
    assert.deepEqual(answer.steps.map((step) => step.finishReason), ['tool-calls', 'stop']);
  });

  test('tools over several streamed steps', async () => {
    const { asked, ...options } = weather();
    const stream = flow({ ...options, prompt: calls([OSLO], { frames: 6 }) });
    const kinds = [];
    for await (const part of stream.fullStream) kinds.push(part.type);
    assert.ok(!kinds.includes('error'), kinds.join());
    assert.ok(kinds.includes('tool-call') && kinds.includes('tool-result'));
    assert.deepEqual(asked, [OSLO[1]]);
    assert.equal(await stream.text, 'Cold.');
  });

  test('a tool that must be called', async () => {
    const { tools } = weather();
    const answer = await ask({ tools, toolChoice: { type: 'tool', toolName: 'weather' }, prompt: calls([ROME]) });
    assert.deepEqual(answer.toolCalls.map((call) => [call.toolName, call.input]), [ROME]);
  });

  test('a tool without arguments', async () => {
    let called = 0;
    const execute = async () => `${++called} ${standIn({ text: 'Noon.' })}`;
    const tools = { now: ai.tool({ inputSchema: z.object({}), execute }) };
    const answer = await ask({ tools, stopWhen: ai.isStepCount(3), prompt: calls([['now', {}]]) });
    assert.deepEqual([answer.text, called], ['Noon.', 1]);
  });

  test('an object', async () => {
    const prompt = `As JSON. ${standIn({ text: `\`\`\`json\n${JSON.stringify(CITY)}\n\`\`\`` })}`;
    assert.deepEqual((await ai.generateObject(settings({ schema: City, prompt }))).object, CITY);
    assert.deepEqual((await ask({ output: ai.Output.object({ schema: City }), prompt })).output, CITY);
  });

  test('an object as a stream', async () => {
    const prompt = `As JSON. ${standIn({ text: JSON.stringify(CITY), frames: 6 })}`;
    assert.deepEqual(await flow({ output: ai.Output.object({ schema: City }), prompt }).output, CITY);
  });

  test('an object that does not conform is no success', async () => {
    const prompt = `As JSON. ${standIn({ text: '{"name":7}' })}`;
    const error = await rejected(ai.generateObject(settings({ schema: City, prompt })));
    // Found by the gateway, or by the client where its provider does not send the schema.
    assert.ok(ai.NoObjectGeneratedError.isInstance(error) || error.statusCode === 502, error);
  });

  test('an image', async () => {
    const content = [
      { type: 'text', text: standIn({ files: true }) },
      { type: 'file', data: PIXEL, mediaType: 'image/png' },
    ];
    const seen = JSON.parse((await ask({ messages: [{ role: 'user', content }] })).text);
    assert.deepEqual(seen.map((file) => [file.mime, file.bytes]), [['image/png', PIXEL.length]]);
  });

  test('failures keep their status and message', async () => {
    const stranger = connect(gateway(), 'sk-this-is-not-the-key')(name());
    const refused = await rejected(ask({ model: stranger, prompt: 'x' }));
    assert.ok(ai.APICallError.isInstance(refused));
    assert.equal(refused.statusCode, 401);
    assert.match(refused.message, /^Incorrect API key provided/);
    const lost = await rejected(ask({ model: connect(gateway())('nonesuch'), prompt: 'x' }));
    assert.deepEqual([lost.statusCode, lost.isRetryable], [404, false]);
  });

  test('a failure in the middle of a stream is an error', async () => {
    const fresh = await Gateway.start();
    try {
      const prompt = standIn({ text: 'abcdefghijklmnopqrst', frames: 10, delay: 20, error: 1013, error_at: 5 });
      const errors = [];
      let text = '';
      const stream = flow({ model: connect(fresh)(name()), prompt, onError: ({ error }) => errors.push(error) });
      for await (const part of stream.fullStream) if (part.type === 'text-delta') text += part.text;
      assert.equal(errors.length, 1);
      assert.ok(text && 'abcdefghijklmnopqrst'.startsWith(text));
      assert.notEqual(await stream.finishReason.catch(() => 'error'), 'stop');
    } finally {
      assert.equal(await fresh.stop(), 0);
    }
  });

  test('a client that leaves takes its generation with it', async () => {
    const controller = new AbortController();
    const stream = flow({ prompt: ENDLESS, abortSignal: controller.signal, onError: () => {} });
    for await (const piece of stream.textStream) if (piece) break;
    controller.abort();
    assert.ok(await gateway().settlesAt(0));
  });
}
