/** What a training was at each of its evaluations: the looks that the run has kept. */

import { useState } from "preact/hooks";
import { visible } from "../format";
import { type Cell, Matrix } from "../parts/Matrix";
import { Status } from "../parts/Status";
import { usePast, useShared } from "../state";
import { TEXT } from "../strings";
import { SmallMaps } from "./Heads";
import { Guesses } from "./Lens";

/** The steps of which there is a look, in order. */
export function lookedAt(events: { kind: string; step: number }[]): number[] {
  const steps = events.filter(({ kind }) => kind === "probe").map(({ step }) => step);
  return [...new Set(steps)].sort((a, b) => a - b);
}

export function Evaluations() {
  const { about, events, place, go } = useShared();
  const [chosen, setChosen] = useState<number | null>(null); // null for the newest
  const [picked, setPicked] = useState<Cell | null>(null);
  const steps = lookedAt(events);
  const found = chosen === null ? -1 : steps.indexOf(chosen);
  const at = found < 0 ? steps.length - 1 : found;
  const step = steps[at];
  const { value, busy, problem } = usePast("/api/probe", step === undefined ? null : { step });
  if (step === undefined) return null;
  const say = TEXT.evaluations;
  const maps = value?.arrays.maps;
  const size = maps ? maps.shape[2]! : 0;
  const names = (value?.meta.names ?? {}) as Record<string, string>;
  const columns = Array.from(value?.arrays.ids?.data ?? [], (id) => names[`${id}`]!);
  const { layer, head } = place;
  const from = (layer * about.config.n_head + head) * size * size;
  return (
    <section class="evaluations" data-evaluation={value ? step : undefined}>
      <h3>{say.title}</h3>
      <p class="note">{say.intro}</p>
      <label class="slider">
        {say.evaluation}
        <input
          type="range"
          min={0}
          max={steps.length - 1}
          value={at}
          aria-valuetext={TEXT.step(`${step}`)}
          onInput={(event) => setChosen(steps[Number(event.currentTarget.value)]!)}
        />
        <output>{TEXT.step(`${step}`)}</output>
      </label>
      <Status busy={busy && !value} problem={problem} />
      {value && maps && (
        <>
          <figure class="sample">
            <figcaption>{TEXT.train.samples}</figcaption>
            <pre tabIndex={0}>{value.meta.text as string}</pre>
          </figure>
          <Guesses id="looked" packed={value} columns={columns} />
          <SmallMaps maps={maps} chosen={[layer, head]} onPick={(l, h) => go({ layer: l, head: h })} />
          <Matrix
            id="looked-head"
            label={TEXT.heads.map(layer, head)}
            rows={size}
            columns={size}
            value={(r, c) => maps.data[from + r * size + c]!}
            source={[value, from]}
            kind="share"
            largest={1}
            rowNames={columns.map(visible)}
            columnName={(c) => visible(columns[c] ?? "")}
            picked={picked}
            onPick={setPicked}
          />
        </>
      )}
    </section>
  );
}
