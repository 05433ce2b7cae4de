// What OpenAI's client for JavaScript gets of a server: `node openai_client.mjs ADDRESS MODEL`.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../page/package.json", import.meta.url));
const OpenAI = require("openai").default;
const [address, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: "none", maxRetries: 0 });
const options = { model, max_tokens: 12, temperature: 0 };

const completion = await client.completions.create({ ...options, prompt: "hello", logprobs: 2 });
let streamed = "";
for await (const part of await client.completions.create({ ...options, prompt: "hello", stream: true })) {
  streamed += part.choices[0]?.text ?? "";
}
const messages = [{ role: "user", content: "hello" }];
const chat = await client.chat.completions.create({ ...options, messages, logprobs: true, top_logprobs: 1 });
let chatted = "";
for await (const part of await client.chat.completions.create({ ...options, messages, stream: true })) {
  chatted += part.choices[0]?.delta.content ?? "";
}
const embedding = await client.embeddings.create({ model, input: ["hello", "you"] });
const models = [];
for await (const card of client.models.list()) models.push(card.id);
let refused = "";
try {
  await client.completions.create({ ...options, prompt: "x".repeat(500) });
} catch (error) {
  refused = error.code;
}
console.log(
  JSON.stringify({
    text: completion.choices[0].text,
    logprobs: completion.choices[0].logprobs.token_logprobs.length,
    streamed,
    chat: chat.choices[0].message.content,
    chatted,
    embeddings: embedding.data.map(({ embedding }) => embedding),
    models,
    refused,
  }),
);
