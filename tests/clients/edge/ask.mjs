// One question through the official client: what to ask comes as JSON on standard input, what came of it goes out so.
// A header that is null is not sent, although the client would.

import { text } from 'node:stream/consumers';
import OpenAI from 'openai';

const { baseURL, apiKey, headers, retries, model, prompt, stream } = JSON.parse(await text(process.stdin));
const client = new OpenAI({ baseURL, apiKey, defaultHeaders: headers, maxRetries: retries, timeout: 60_000 });

async function ask() {
  const answer = await client.chat.completions.create({ model, stream, messages: [{ role: 'user', content: prompt }] });
  if (!stream) return answer.choices[0].message.content;
  let said = '';
  for await (const chunk of answer) said += chunk.choices[0]?.delta.content ?? '';
  return said;
}

const told = await ask().then(
  (said) => ({ status: 200, said }),
  (error) => ({ status: error.status ?? null, said: `${error}` }),
);
console.log(JSON.stringify(told));
