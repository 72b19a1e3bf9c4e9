// Reads a librechat.yaml as LibreChat's own package understands it, and prints what it took: the whole of it, and the
// key and the headers of its one endpoint with the environment put in.

import { readFileSync } from 'node:fs';
import yaml from 'js-yaml';
import { configSchema, extractEnvVariable } from 'librechat-data-provider';

const config = configSchema.parse(yaml.load(readFileSync(process.argv[2], 'utf8')));
const [endpoint] = config.endpoints.custom;
const headers = Object.entries(endpoint.headers ?? {}).map(([name, value]) => [name, extractEnvVariable(value)]);
const kept = { version: config.version, endpoints: config.endpoints };
const apiKey = extractEnvVariable(endpoint.apiKey);
console.log(JSON.stringify({ config: kept, apiKey, headers: Object.fromEntries(headers) }));
