// Vercel's AI SDK over chat completions, by both of its providers that speak them.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { suite } from './ai-sdk.mjs';
import { Gateway } from './gateway.mjs';

let running, model;
before(async () => {
  running = await Gateway.start();
  model = (await running.client().models.list()).data[0].id;
});
after(async () => assert.equal(await running.stop(), 0));

const settings = (gateway, apiKey = gateway.key) => ({ name: 'gateway', baseURL: gateway.baseURL, apiKey });
const shared = { gateway: () => running, name: () => model };

describe('@ai-sdk/openai-compatible', () =>
  suite({ ...shared, thoughts: true, connect: (...of) => createOpenAICompatible(settings(...of)) }));

const all = { includeUsage: true, supportsStructuredOutputs: true };
describe('@ai-sdk/openai-compatible, with the schema sent', () =>
  suite({ ...shared, thoughts: true, connect: (...of) => createOpenAICompatible({ ...settings(...of), ...all }) }));

describe('@ai-sdk/openai, chat', () => suite({ ...shared, connect: (...of) => createOpenAI(settings(...of)).chat }));
