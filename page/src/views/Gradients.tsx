/** The gradient of each weight in the last step of a training: asked for while this is open. */

import { useState } from "preact/hooks";
import { shown } from "../format";
import { type Cell, Matrix } from "../parts/Matrix";
import { Status } from "../parts/Status";
import { useArrays, useJson } from "../state";
import { TEXT } from "../strings";

interface Weight {
  name: string;
  shape: number[];
  norm: number;
  largest: number;
  moved: number | null;
}

interface Looked {
  step: number;
  since: number | null; // the step that `moved` is since
  weights: Weight[];
}

export function Gradients() {
  const [open, setOpen] = useState(false);
  return (
    <details class="gradients" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{TEXT.gradients.title}</summary>
      {open && <Weights />}
    </details>
  );
}

function Weights() {
  const { value, busy, problem } = useJson<Looked>("/api/gradients", undefined, true);
  const [chosen, setChosen] = useState<string | null>(null);
  const say = TEXT.gradients;
  const weights = value?.weights ?? [];
  const weight = weights.find(({ name }) => name === chosen) ?? weights[0];
  const largest = Math.max(1e-30, ...weights.map(({ norm }) => norm));
  return (
    <>
      <p class="note">{say.intro}</p>
      <Status busy={busy && !value} problem={problem} />
      {value && !weights.length && <p class="note">{say.none}</p>}
      {value && weight && (
        <div class="grid">
          <div class="scroll" tabIndex={0} role="region" aria-label={say.caption}>
          <table class="bars" data-bars="gradients" data-step={value.step}>
            <caption>{say.caption}, {TEXT.train.afterStep(value.step)}</caption>
            <thead>
              <tr>
                <th scope="col">{say.weight}</th>
                <th scope="col">{say.shape}</th>
                <th scope="col">{say.norm}</th>
                <th scope="col">{say.largest}</th>
                <th scope="col">{value.since === null ? say.moved : say.since(value.since)}</th>
              </tr>
            </thead>
            <tbody>
              {weights.map(({ name, shape, norm, largest: most, moved }) => (
                <tr key={name} data-weight={name}>
                  <th scope="row">
                    <button
                      type="button"
                      class="guess"
                      aria-pressed={name === weight.name}
                      onClick={() => setChosen(name)}
                    >
                      <code>{name}</code>
                    </button>
                  </th>
                  <td>{shape.join(" × ")}</td>
                  <td data-value={norm}>
                    <span class="bar bar-0" style={{ width: `${(45 * norm) / largest}%` }} />
                    <span class="number">{shown(norm)}</span>
                  </td>
                  <td data-value={most}><span class="number">{shown(most)}</span></td>
                  <td data-moved={moved}><span class="number">{shown(moved)}</span></td>
                </tr>
              ))}
            </tbody>
          </table>
          </div>
          <Picture key={weight.name} name={weight.name} />
        </div>
      )}
    </>
  );
}

function Picture({ name }: { name: string }) {
  const [picked, setPicked] = useState<Cell | null>(null);
  const { value, busy, problem } = useArrays("/api/gradient", { name });
  const values = value?.arrays.values;
  if (!value || !values) return <Status busy={busy} problem={problem} />;
  const shape = value.meta.shape as number[];
  const [R, C] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
  const [rows, columns] = values.shape as [number, number];
  return (
    <div>
      <Matrix
        id="gradient"
        label={TEXT.gradients.of(name, value.meta.step as number)}
        rows={rows}
        columns={columns}
        value={(r, c) => values.data[r * columns + c]!}
        source={[value, name]}
        kind="signed"
        rowNames={Array.from({ length: rows }, (_, r) => span(r, rows, R))}
        columnName={(c) => span(c, columns, C)}
        picked={picked}
        onPick={setPicked}
      />
      {(rows < R || columns < C) && <p class="note">{TEXT.gradients.tiles}</p>}
    </div>
  );
}

/** Which of `size` rows or columns a tile has. */
function span(tile: number, count: number, size: number): string {
  const first = Math.floor((tile * size) / count);
  const last = Math.floor(((tile + 1) * size) / count) - 1;
  return first === last ? `${first}` : `${first}–${last}`;
}
