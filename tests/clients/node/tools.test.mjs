// Tools and documents through the official client: plain calls, its tool runner, and zod.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { Gateway, callText, calls, standIn, user } from './gateway.mjs';

const HOSTILE = 'a \\_b\\ "q" `c`\n```js\nlet x;\n```\n~~~\n</tool_call> \u2028 😀 C:\\new\\table';
const OSLO = ['get_weather', { city: 'Oslo', days: 2 }];
const ROME = ['get_weather', { city: 'Rome', days: 1 }];
const City = z.object({ name: z.string(), inhabitants: z.number().int(), twin: z.string().nullable() });
const CITY = { name: 'Oslo "`x`"\n', inhabitants: 700000, twin: null };
const tools = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather of a city.',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string' }, days: { type: 'integer' } },
        required: ['city'],
      },
    },
  },
];

let gateway, client, model;
before(async () => {
  gateway = await Gateway.start();
  client = gateway.client();
  model = (await client.models.list()).data[0].id;
});
after(async () => assert.equal(await gateway.stop(), 0));

const create = (messages, options = {}) => client.chat.completions.create({ model, messages, tools, ...options });
const pairs = (found) => found.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

/** The runner's options: a tool that remembers what it was asked, and says what the model is to say next. */
function weather() {
  const asked = [];
  const tool = {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather of a city.',
      parameters: tools[0].function.parameters,
      parse: JSON.parse,
      function: (args) => {
        asked.push(args);
        return `4 degrees ${standIn({ text: 'Cold.' })}`;
      },
    },
  };
  return { asked, tool };
}

describe('tools', () => {
  test('are called, and their results answered', async () => {
    const messages = user(calls([OSLO, ROME]));
    const [first] = (await create(messages)).choices;
    assert.equal(first.finish_reason, 'tool_calls');
    assert.equal(first.message.content, null);
    assert.deepEqual(pairs(first.message.tool_calls), [OSLO, ROME]);
    messages.push(first.message);
    for (const { id } of first.message.tool_calls) {
      messages.push({ role: 'tool', tool_call_id: id, content: `4 degrees ${standIn({ text: 'Cold.' })}` });
    }
    const [last] = (await create(messages)).choices;
    assert.deepEqual([last.finish_reason, last.message.content], ['stop', 'Cold.']);
  });

  test('stream one call per chunk', async () => {
    const found = [];
    const reasons = [];
    for await (const { choices } of await create(user(calls([OSLO, ROME], { frames: 9 })), { stream: true })) {
      assert.ok((choices[0].delta.tool_calls ?? []).length <= 1);
      found.push(...(choices[0].delta.tool_calls ?? []));
      if (choices[0].finish_reason) reasons.push(choices[0].finish_reason);
    }
    assert.deepEqual(reasons, ['tool_calls']);
    for (const [index, wanted] of [OSLO, ROME].entries()) {
      const [first, ...rest] = found.filter((call) => call.index === index);
      assert.ok(first.id && first.type === 'function' && first.function.name === wanted[0]);
      assert.ok(rest.every((call) => !call.id && !call.type && !call.function.name));
      assert.deepEqual(JSON.parse([first, ...rest].map((call) => call.function.arguments).join('')), wanted[1]);
    }
  });

  test('keep the bytes of their arguments', async () => {
    const wanted = ['get_weather', { city: HOSTILE, days: -1 }];
    assert.deepEqual(pairs((await create(user(calls([wanted])))).choices[0].message.tool_calls), [wanted]);
  });

  test('are not called when they must not be', async () => {
    const [{ message, finish_reason }] = (await create(user(calls([OSLO])), { tool_choice: 'none' })).choices;
    assert.deepEqual([message.content, finish_reason], [callText(OSLO), 'stop']);
    assert.equal(message.tool_calls, undefined);
  });

  for (const stream of [false, true]) {
    test(`are run by the runner${stream ? ', streamed' : ''}`, async () => {
      const { asked, tool } = weather();
      const messages = user(calls([OSLO, ROME]));
      const runner = client.chat.completions.runTools({ model, messages, tools: [tool], stream });
      assert.equal(await runner.finalContent(), 'Cold.');
      assert.deepEqual(asked, [OSLO[1], ROME[1]]);
      const ids = runner.messages.flatMap((message) => message.tool_calls ?? []).map((call) => call.id);
      assert.equal(new Set(ids).size, 2);
    });
  }

  test('have arguments of zod types', async () => {
    const said = user(calls([['city', CITY]]));
    const wanted = { model, messages: said, tools: [zodFunction({ name: 'city', parameters: City })] };
    const { choices } = await client.chat.completions.parse(wanted);
    assert.deepEqual(choices[0].message.tool_calls[0].function.parsed_arguments, CITY);
    const runner = client.chat.completions.stream(wanted);
    const final = await runner.finalChatCompletion();
    assert.deepEqual(final.choices[0].message.tool_calls[0].function.parsed_arguments, CITY);
  });
});

describe('documents', () => {
  const fenced = `Here you are:\n\n\`\`\`json\n${JSON.stringify(CITY, null, 2)}\n\`\`\`\n`;
  for (const [kind, text] of Object.entries({ bare: JSON.stringify(CITY), fenced })) {
    test(`are parsed by zod: ${kind}`, async () => {
      const wanted = {
        model,
        messages: user(standIn({ text, frames: 7 })),
        response_format: zodResponseFormat(City, 'city'),
      };
      assert.deepEqual((await client.chat.completions.parse(wanted)).choices[0].message.parsed, CITY);
      const final = await client.chat.completions.stream(wanted).finalChatCompletion();
      assert.deepEqual(final.choices[0].message.parsed, CITY);
    });
  }

  test('are JSON in JSON mode', async () => {
    const wanted = { model, messages: user(standIn({ text: fenced })), response_format: { type: 'json_object' } };
    const { choices } = await client.chat.completions.create(wanted);
    assert.deepEqual(JSON.parse(choices[0].message.content), CITY);
  });
});

test('images are generated', async () => {
  const { data } = await client.images.generate({ model, prompt: `A boat ${standIn({ images: 1 })}` });
  assert.equal(data.length, 1);
  assert.deepEqual([...Buffer.from(data[0].b64_json, 'base64').subarray(1, 4)], [...Buffer.from('PNG')]);
});
