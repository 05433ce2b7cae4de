/** What all views share: the model, the text, what is looked at; kept in the address. */

import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { type About, type Event, type Packed, Problem, type Tokens, type Training } from "./api";
import { arrays, json } from "./api";

export const VIEWS = [
  "train", "flow", "backward", "heads", "lens", "ablate", "sample", "tokens", "embeddings", "chat",
  "compare", "learn",
] as const; // prettier-ignore
export type View = (typeof VIEWS)[number];

/** What is looked at; a reload finds it in the address. */
export interface Place {
  view: View;
  text: string;
  layer: number;
  head: number;
  checkpoint: string;
  lesson: number; // from 1
  begin: boolean; // with the token that begins a document
}

export interface Shared {
  about: About;
  place: Place;
  go: (change: Partial<Place>) => void;
  tokens: Tokens | null;
  training: Training;
  events: Event[];
  version: number; // grows when the weights have changed and are worth another look
  fail: (problem: unknown) => void;
}

export const SharedContext = createContext<Shared | null>(null);

export function useShared(): Shared {
  return useContext(SharedContext)!;
}

export function placeOf(hash: string, about: About): Place {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const view = VIEWS.find((name) => name === given.get("view"));
  const trains = about.training.live || about.checkpoints.some((name) => /^\d/.test(name));
  const within = (name: string, end: number) =>
    Math.min(Math.max(0, Math.trunc(Number(given.get(name)) || 0)), end - 1);
  return {
    view: view ?? (trains ? "train" : "flow"),
    text: given.get("text") ?? about.example,
    layer: within("layer", about.config.n_layer),
    head: within("head", about.config.n_head),
    lesson: Math.max(1, Math.trunc(Number(given.get("lesson")) || 1)),
    begin: given.has("begin") ? given.get("begin") === "1" : about.bos !== null && about.begins,
    checkpoint: about.checkpoints.includes(given.get("at") ?? "") ? given.get("at")! : "now",
  };
}

export function hashOf(place: Place): string {
  const said = new URLSearchParams({ view: place.view });
  said.set("begin", place.begin ? "1" : "0");
  said.set("text", place.text);
  if (place.layer) said.set("layer", `${place.layer}`);
  if (place.head) said.set("head", `${place.head}`);
  if (place.lesson > 1) said.set("lesson", `${place.lesson}`);
  if (place.checkpoint !== "now") said.set("at", place.checkpoint);
  return `#${said}`;
}

export interface Answer<T> {
  value: T | null;
  busy: boolean;
  problem: string | null;
}

const NOTHING = { value: null, busy: true, problem: null };

/**
 * Asks when what is asked changes, or the weights do; then the last answer stays until the next.
 * An answer to something else stays only if `keeps` says so.
 */
function useAsked<T>(
  ask: (path: string, body?: unknown, signal?: AbortSignal) => Promise<T>,
  path: string,
  body: unknown,
  keeps: boolean,
  past = false,
): Answer<T> {
  const { version, fail } = useShared();
  const now = past ? 0 : version; // the past stays what it was
  const [last, setLast] = useState<Answer<T> & { key?: string | null | undefined }>(NOTHING);
  const key = body === null ? null : JSON.stringify(body);
  useEffect(() => {
    if (key === null) return;
    const stop = new AbortController();
    setLast((before) => ({ ...before, busy: true, problem: null }));
    ask(path, key === undefined ? undefined : JSON.parse(key), stop.signal)
      .then((value) => setLast({ value, busy: false, problem: null, key }))
      .catch((error) => {
        if (stop.signal.aborted) return;
        if (error instanceof Problem && error.kind === "refused") {
          setLast({ value: null, busy: false, problem: error.message, key });
        } else fail(error);
      });
    return () => stop.abort();
  }, [path, key, now]);
  return keeps || last.key === key || last.value === null ? last : NOTHING;
}

/** An answer in JSON; with `keeps` the last one until the next, also of something else. */
export function useJson<T>(path: string, body?: unknown, keeps = false): Answer<T> {
  return useAsked<T>(json, path, body, keeps);
}

/** An answer of arrays; `null` as body asks nothing. */
export function useArrays(path: string, body?: unknown): Answer<Packed> {
  return useAsked<Packed>(arrays, path, body, false);
}

/** Arrays that do not change with the weights; the last ones until the next. */
export function usePast(path: string, body: unknown): Answer<Packed> {
  return useAsked<Packed>(arrays, path, body, true, true);
}
