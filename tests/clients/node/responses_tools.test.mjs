// Calls of tools in the Responses API, over the emulation.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { zodResponsesFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { Gateway, callText, customCallText, standIn, user } from './gateway.mjs';

const WEATHER = zodResponsesFunction({
  name: 'get_weather',
  parameters: z.object({ city: z.string(), days: z.number().int() }),
});
const CALL = callText(['get_weather', { city: 'Bern', days: 2 }]);

let gateway, client, model;
before(async () => {
  gateway = await Gateway.start();
  client = gateway.client();
  model = (await client.models.list()).data[0].id;
});
after(async () => assert.equal(await gateway.stop(), 0));

test('a function is called, and its result goes back', async () => {
  const input = user(standIn({ text: `I look.\n\n${CALL}`, frames: 8 }));
  const first = await client.responses.parse({ model, input, tools: [WEATHER] });
  const call = first.output.at(-1);
  assert.deepEqual([call.type, call.name], ['function_call', 'get_weather']);
  assert.deepEqual(call.parsed_arguments, { city: 'Bern', days: 2 });
  input.push(...first.output);
  input.push({ type: 'function_call_output', call_id: call.call_id, output: '{"sky":"clear"}' });
  input.push(...user(standIn({ echo: true })));
  // Without tools: with them, the echo of their instructions would be read for calls.
  const seen = (await client.responses.create({ model, input })).output_text;
  assert.ok(seen.includes(call.call_id) && seen.includes('"sky"'), seen);
});

test('a call is streamed', async () => {
  const runner = client.responses.stream({ model, input: standIn({ text: CALL, frames: 8 }), tools: [WEATHER] });
  let pieces = '';
  runner.on('response.function_call_arguments.delta', (event) => (pieces += event.delta));
  const [call] = (await runner.finalResponse()).output;
  assert.equal(call.arguments, pieces);
  assert.deepEqual(call.parsed_arguments, { city: 'Bern', days: 2 });
});

test('a custom tool takes free text', async () => {
  const text = customCallText('apply_patch', '*** "Patch" \\ it');
  const tools = [{ type: 'custom', name: 'apply_patch' }];
  const [call] = (await client.responses.create({ model, input: standIn({ text }), tools })).output;
  assert.deepEqual([call.type, call.name, call.input], ['custom_tool_call', 'apply_patch', '*** "Patch" \\ it']);
});
