/** How the next token is chosen. */

import { useState } from "preact/hooks";
import { counted, visible } from "../format";
import { Bars } from "../parts/Bars";
import { Status } from "../parts/Status";
import { useJson, useShared } from "../state";
import { TEXT } from "../strings";

interface Drawn {
  tokens: number[];
  names: string[];
  before: number[];
  after: number[];
  left: number;
  drawn: number[];
  drawn_names: string[];
  text: string;
}

interface Options {
  temperature: number;
  top_k: number | null;
  top_p: number | null;
  min_p: number | null;
  seed: number;
  max_tokens: number;
}

const BEGIN: Options = {
  temperature: 1, top_k: null, top_p: null, min_p: null, seed: 1, max_tokens: 1,
}; // prettier-ignore

/** What the view asks at first. */
export function askedOfSample(ids: number[], checkpoint: string, options: Options = BEGIN) {
  return { ids, checkpoint, ...options };
}

export function Sample() {
  const { about, place, tokens } = useShared();
  const [options, setOptions] = useState(BEGIN);
  const say = TEXT.sample;
  const { value, busy, problem } = useJson<Drawn>(
    "/api/sample",
    askedOfSample(tokens!.ids, place.checkpoint, options),
    true,
  );
  const set = (change: Partial<Options>) => setOptions((before) => ({ ...before, ...change }));
  const V = about.config.vocab_size;
  const emphasis = value ? value.tokens.indexOf(value.drawn[0]!) : undefined;
  return (
    <div class="sampler">
      <p>{say.intro}</p>
      <div class="controls">
        <Slider
          name="temperature" label={say.temperature} min={0} max={2} step={0.05}
          value={options.temperature} shown={`${options.temperature}`}
          onChange={(temperature) => set({ temperature })}
        />
        <Slider
          name="top_k" label={say.topK} min={1} max={Math.min(V, 100)} step={1}
          value={options.top_k ?? Math.min(V, 100)} shown={`${options.top_k ?? say.all}`}
          onChange={(k) => set({ top_k: k >= Math.min(V, 100) ? null : k })}
        />
        <Slider
          name="top_p" label={say.topP} min={0.05} max={1} step={0.05}
          value={options.top_p ?? 1} shown={`${options.top_p ?? say.all}`}
          onChange={(p) => set({ top_p: p >= 1 ? null : p })}
        />
        <Slider
          name="min_p" label={say.minP} min={0} max={0.5} step={0.01}
          value={options.min_p ?? 0} shown={`${options.min_p ?? say.all}`}
          onChange={(p) => set({ min_p: p <= 0 ? null : p })}
        />
        <label>
          {say.seed}{" "}
          <input
            type="number" min={0} max={2 ** 31} name="seed" value={options.seed}
            onInput={(event) => set({ seed: whole(event.currentTarget.value, 0, 2 ** 31) })}
          />
        </label>
        <label>
          {say.count}{" "}
          <input
            type="number" min={1} max={256} name="count" value={options.max_tokens}
            onInput={(event) => set({ max_tokens: whole(event.currentTarget.value, 1, 256) })}
          />
        </label>
      </div>
      <Status busy={busy && !value} problem={problem} />
      {value && (
        <div class="grid">
          <div>
            <Bars
              id="sample"
              caption={say.caption}
              names={value.names}
              columns={[
                { title: say.before, values: value.before },
                { title: say.after, values: value.after },
              ]}
              emphasis={emphasis}
            />
            <p class="note" data-left={value.left}>{say.left(counted(value.left), counted(V))}</p>
          </div>
          <div>
            <h3>{say.drawn}</h3>
            <ol class="chips" data-drawn={value.drawn.join(" ")}>
              {value.drawn_names.map((name, i) => (
                <li key={i}><code>{visible(name)}</code></li>
              ))}
            </ol>
            <p class="note">{say.same}</p>
          </div>
        </div>
      )}
    </div>
  );
}

function whole(text: string, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.trunc(Number(text)) || least));
}

interface SliderProps {
  name: string;
  label: string;
  min: number;
  max: number;
  step: number;
  value: number;
  shown: string;
  onChange: (value: number) => void;
}

function Slider({ name, label, min, max, step, value, shown, onChange }: SliderProps) {
  return (
    <label class="slider">
      {label}
      <input
        type="range" name={name} min={min} max={max} step={step} value={value}
        aria-valuetext={shown}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
      <output>{shown}</output>
    </label>
  );
}
