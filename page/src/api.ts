/** What the server answers, and what a saved page has recorded of it. */

import { TEXT } from "./strings";

export interface Training {
  live: boolean;
  controls: boolean;
  paused: boolean;
  max_iters: number | null;
}

export interface Config {
  block_size: number;
  vocab_size: number;
  n_layer: number;
  n_head: number;
  n_kv_head: number;
  n_embd: number;
  n_inner: number;
  norm: string;
  norm_eps: number;
  activation: string;
  positions: string;
  embedding_norm: boolean;
  final_norm: boolean;
  tie_weights: boolean;
  [name: string]: unknown;
}

export interface About {
  name: string;
  config: Config;
  head_size: number;
  attention_scale: number;
  parameters: number;
  backend: string;
  description: string;
  chat: boolean;
  bos: number | null; // the token that begins a document
  begins: boolean; // whether a text here begins with it
  checkpoints: string[];
  window: number;
  example: string; // a text of the model's own, to begin with
  training: Training;
}

export interface Tokens {
  ids: number[];
  names: string[];
  merges: string[][] | null;
}

export interface Event {
  kind: "record" | "sample" | "norms" | "probe";
  step: number;
  loss?: number | null;
  learning_rate?: number | null;
  gradient_norm?: number | null;
  tokens_per_s?: number | null;
  validation_loss?: number | null;
  text?: string;
  norms?: Record<string, number>;
}

export type LessonPart =
  | { kind: "text"; markdown: string }
  | { kind: "code"; session: string }
  | { kind: "prediction"; question: string }
  | { kind: "change"; task: string; solution: string; hint: string };

export interface Lesson {
  number: number;
  title: string;
  parts: LessonPart[];
}

/** An array of numbers with its shape. */
export interface Tensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

export interface Packed {
  meta: Record<string, unknown>;
  arrays: Record<string, Tensor>;
}

/** What is wrong, in words for the user. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly kind: "gone" | "key" | "refused",
  ) {
    super(message);
  }
}

interface Recorded {
  answers: Record<string, string>; // key of a request -> its answer, packed ones in base64
  events: Event[];
}

const script = document.getElementById("recorded");
export const recorded: Recorded | null = script ? JSON.parse(script.textContent ?? "null") : null;
const answers = new Map<string, ArrayBuffer>();
let apiKey = sessionStorageGet("pygpt-key");

function sessionStorageGet(name: string): string {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return ""; // a page from the disk may have no storage
  }
}

export function setKey(key: string): void {
  apiKey = key;
  sessionStorage.setItem("pygpt-key", key);
}

export function headers(): Record<string, string> {
  return apiKey ? { Authorization: `Bearer ${apiKey}` } : {};
}

function keyOf(path: string, body: unknown): string {
  return body === undefined ? path : `${path} ${JSON.stringify(body)}`;
}

/** Asks the server, or what is recorded. */
async function ask(path: string, body: unknown, signal?: AbortSignal): Promise<ArrayBuffer> {
  const key = keyOf(path, body);
  if (recorded) {
    const found = recorded.answers[key];
    if (found === undefined) throw new Problem(TEXT.notRecorded, "refused");
    return Uint8Array.from(atob(found), (c) => c.charCodeAt(0)).buffer;
  }
  const response = await send(path, body, signal);
  const data = await response.arrayBuffer();
  answers.set(key, data);
  return data;
}

/** Sends a request; every way in which it can fail is a `Problem`. */
export async function send(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(TEXT.gone, "gone");
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Problem(TEXT.keyNeeded, "key");
  let message = `${response.status}`;
  try {
    message = ((await response.json()) as { error: { message: string } }).error.message;
  } catch {
    // an answer that is not ours: its status says what there is to say
  }
  throw new Problem(message, "refused");
}

export async function json<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const text = new TextDecoder().decode(await ask(path, body, signal));
  return JSON.parse(text) as T;
}

export async function arrays(path: string, body?: unknown, signal?: AbortSignal): Promise<Packed> {
  return unpack(await ask(path, body, signal));
}

/** Reads a message of pygpt/serve/packed.py. */
export function unpack(buffer: ArrayBuffer): Packed {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as {
    meta: Record<string, unknown>;
    arrays: { name: string; shape: number[]; dtype: "f4" | "i4" }[];
  };
  const found: Record<string, Tensor> = {};
  let offset = 4 + length;
  for (const { name, shape, dtype } of header.arrays) {
    const size = shape.reduce((a, b) => a * b, 1);
    const kind = dtype === "i4" ? Int32Array : Float32Array;
    found[name] = { shape, data: new kind(buffer, offset, size) };
    offset += 4 * size;
  }
  return { meta: header.meta, arrays: found };
}

/** Yields the data of server-sent events. */
export async function* events(
  path: string,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const response = await send(path, body, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (true) {
    let part: ReadableStreamReadResult<string>;
    try {
      part = await reader.read();
    } catch (error) {
      if (signal.aborted) return;
      throw new Problem(TEXT.gone, "gone");
    }
    if (part.done) return;
    const messages = (rest + part.value).split("\n\n");
    rest = messages.pop() ?? "";
    for (const message of messages) {
      if (message.startsWith("data: ")) yield message.slice(6);
    }
  }
}

/** The answers so far, for a saved page. */
export function record(events: Event[]): Recorded {
  const saved: Record<string, string> = {};
  for (const [key, buffer] of answers) {
    let text = "";
    const bytes = new Uint8Array(buffer);
    for (let i = 0; i < bytes.length; i += 8192) {
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    }
    saved[key] = btoa(text);
  }
  return { answers: saved, events };
}
