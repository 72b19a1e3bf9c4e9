// Vercel's AI SDK over responses, which its provider for OpenAI speaks by default.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { suite } from './ai-sdk.mjs';
import { Gateway } from './gateway.mjs';

let running, model;
before(async () => {
  running = await Gateway.start();
  model = (await running.client().models.list()).data[0].id;
});
after(async () => assert.equal(await running.stop(), 0));

describe('@ai-sdk/openai, responses', () =>
  suite({
    gateway: () => running,
    name: () => model,
    connect: (gateway, apiKey = gateway.key) => createOpenAI({ baseURL: gateway.baseURL, apiKey }),
  }));
