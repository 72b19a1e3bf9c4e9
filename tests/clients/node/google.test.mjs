// Google's official client for Node: answers, streams, chats, token counts, models, failures.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ApiError, FinishReason, GoogleGenAI } from '@google/genai';
import { Gateway, callText, standIn } from './gateway.mjs';

const TEXT = 'Grüß dich 😀, so it goes on and on.\n\n```\ncode\n```\n';

let gateway, google, model;
const connect = (to, apiKey = to.key) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: to.origin, timeout: 30_000 } });
before(async () => {
  gateway = await Gateway.start();
  google = connect(gateway);
  model = (await google.models.list()).page[0].name;
});
after(async () => assert.equal(await gateway.stop(), 0));

const ask = (contents, config) => google.models.generateContent({ model, contents, config });

const thrown = async (promise) => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ApiError, `${error}`);
    // The client gives the body as text, behind a few words in a stream.
    return { status: error.status, error: JSON.parse(error.message.slice(error.message.indexOf('{'))).error };
  }
  return assert.fail('nothing was thrown');
};
const reason = ({ error }) => error.details[0].reason;

async function collect(stream, each = () => {}) {
  const chunks = [];
  for await (const chunk of stream) {
    each(chunk);
    chunks.push(chunk);
  }
  return chunks;
}
const textOf = (chunks) => chunks.map((chunk) => chunk.text ?? '').join('');

test('an answer has everything the client reads', async () => {
  const answer = await ask(standIn({ text: 'Hello there' }));
  assert.equal(answer.text, 'Hello there');
  assert.equal(answer.candidates[0].finishReason, FinishReason.STOP);
  assert.equal(answer.functionCalls, undefined);
  assert.ok(answer.responseId && answer.modelVersion);
  const { promptTokenCount, candidatesTokenCount, totalTokenCount } = answer.usageMetadata;
  assert.ok(promptTokenCount > 0 && candidatesTokenCount > 0);
  assert.equal(totalTokenCount, promptTokenCount + candidatesTokenCount);
});

test('the configuration acts', async () => {
  const stopped = await ask(standIn({ text: 'one two HALT three', frames: 18 }), { stopSequences: ['HALT'] });
  assert.equal(stopped.text, 'one two ');
  const cut = await ask(standIn({ len: 2000, alphabet: 'ascii' }), { maxOutputTokens: 10 });
  assert.equal(cut.candidates[0].finishReason, FinishReason.MAX_TOKENS);
  const echoed = await ask(standIn({ echo: true }), { systemInstruction: 'system-says-amber' });
  assert.match(echoed.text, /system-says-amber/);
});

test('the pieces of a stream add up', async () => {
  const contents = standIn({ text: TEXT, frames: 12, delay: 2 });
  const chunks = await collect(await google.models.generateContentStream({ model, contents }));
  assert.equal(textOf(chunks), TEXT);
  assert.ok(chunks.length > 2);
  assert.equal(chunks.at(-1).candidates[0].finishReason, FinishReason.STOP);
  assert.ok(chunks.at(-1).usageMetadata.totalTokenCount > 0);
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.candidates[0].finishReason === undefined));
});

test('thoughts are for those who ask', async () => {
  const contents = standIn({ text: 'done', thoughts: 40, frames: 4 });
  const config = { thinkingConfig: { includeThoughts: true } };
  const chunks = await collect(await google.models.generateContentStream({ model, contents, config }));
  const parts = chunks.flatMap((chunk) => chunk.candidates[0].content.parts);
  const thoughts = parts.filter((part) => part.thought).map((part) => part.text);
  assert.equal(thoughts.join('').length, 40);
  assert.equal((await ask(contents)).candidates[0].content.parts.length, 1);
});

test('a chat remembers what was said, whole and streamed', async () => {
  const chat = google.chats.create({ model });
  assert.equal((await chat.sendMessage({ message: standIn({ text: 'first-answer' }) })).text, 'first-answer');
  const stream = await chat.sendMessageStream({ message: standIn({ text: 'second-answer', frames: 5 }) });
  assert.equal(textOf(await collect(stream)), 'second-answer');
  const seen = (await chat.sendMessage({ message: standIn({ echo: true }) })).text;
  assert.match(seen, /first-answer[^]*second-answer/);
});

test('a call and its result, whole and streamed', async () => {
  const call = { name: 'get_weather', arguments: { city: 'Köln', days: 2 } };
  const prompt = standIn({ text: callText([call.name, call.arguments]), frames: 7 });
  const parametersJsonSchema = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } };
  const config = { tools: [{ functionDeclarations: [{ name: call.name, parametersJsonSchema }] }] };
  const question = { role: 'user', parts: [{ text: prompt }] };
  const whole = await ask([question], config);
  const stream = await google.models.generateContentStream({ model, contents: [question], config });
  const chunks = await collect(stream);
  for (const calls of [whole.functionCalls, chunks.flatMap((chunk) => chunk.functionCalls ?? [])]) {
    assert.deepEqual(calls.map(({ name, args }) => ({ name, arguments: args })), [call]);
    assert.ok(calls[0].id);
  }
  const output = `It is sunny. ${standIn({ text: 'Sunny.' })}`;
  const result = { role: 'user', parts: [{ functionResponse: { name: call.name, response: { output } } }] };
  const contents = [question, ...chunks.map((chunk) => chunk.candidates[0].content), result];
  assert.equal((await ask(contents, config)).text, 'Sunny.');
});

test('tokens are counted', async () => {
  const { totalTokens } = await google.models.countTokens({ model, contents: 'Hello there' });
  assert.ok(totalTokens > 0);
});

test('models can be listed and retrieved', async () => {
  const { page } = await google.models.list();
  assert.ok(page.length > 0);
  for (const { name, displayName, supportedActions } of page) {
    assert.ok(displayName && supportedActions.includes('generateContent'));
    assert.equal((await google.models.get({ model: name })).name, name);
  }
});

test('a silence breaks no stream', async () => {
  const patient = await Gateway.start({ FIRST_EVENT_WAIT: '1' });
  try {
    const contents = standIn({ text: 'late', first: 14_000 });
    const stream = await connect(patient).models.generateContentStream({ model, contents });
    assert.equal(textOf(await collect(stream)), 'late');
  } finally {
    assert.equal(await patient.stop(), 0);
  }
});

describe('failures', () => {
  test('a wrong key', async () => {
    const failure = await thrown(connect(gateway, 'this-is-not-the-key').models.list());
    assert.deepEqual([failure.status, failure.error.status], [401, 'UNAUTHENTICATED']);
    assert.doesNotMatch(JSON.stringify(failure), /this-is-not-the-key/);
  });

  test('an unknown model', async () => {
    const contents = 'x';
    for (const call of ['generateContent', 'generateContentStream']) {
      const failure = await thrown(google.models[call]({ model: 'gemini-nonesuch', contents }));
      assert.deepEqual([failure.status, reason(failure)], [404, 'model_not_found']);
    }
  });

  test('a bad body names the field', async () => {
    const failure = await thrown(ask('x', { candidateCount: 2 }));
    assert.deepEqual([failure.status, failure.error.status], [400, 'INVALID_ARGUMENT']);
    assert.equal(failure.error.details[1].fieldViolations[0].field, 'generationConfig.candidateCount');
  });

  test('a failure after the first piece is thrown', async () => {
    const fresh = await Gateway.start();
    try {
      const contents = standIn({ text: 'abcdefghijklmnopqrst', frames: 10, delay: 20, error: 1013, error_at: 5 });
      let text = '';
      const failure = await thrown(
        (async () => {
          const stream = await connect(fresh).models.generateContentStream({ model, contents });
          await collect(stream, (chunk) => {
            assert.equal(chunk.candidates[0].finishReason, undefined);
            text += chunk.text;
          });
        })(),
      );
      assert.ok(failure.status >= 500 && reason(failure));
      assert.ok(text && 'abcdefghijklmnopqrst'.startsWith(text));
      assert.ok(await fresh.settlesAt(0));
    } finally {
      assert.equal(await fresh.stop(), 0);
    }
  });
});
