/** The way back: the gradient of a text's loss by every number that the model made of it. */

import { useState } from "preact/hooks";
import { percent, shown, visible } from "../format";
import { type Cell, Matrix } from "../parts/Matrix";
import { Status } from "../parts/Status";
import { useArrays, useShared } from "../state";
import { TEXT } from "../strings";
import { Chooser } from "./Flow";
import { placeName } from "./Lens";
import { askedOfBackward, FORWARD_ONLY, LayerNumbers, type Stage } from "./stages";

export function Backward() {
  const { about, place, tokens, go } = useShared();
  const [chosen, setChosen] = useState<number | "all" | null>(null);
  const ids = tokens!.ids;
  const last = ids.length - 1;
  const target = chosen === null || chosen === "all" ? chosen : Math.min(chosen, last);
  const first = Math.max(1, ids.length - about.window);
  const asked = target === "all" ? null : (target ?? last);
  const { value, busy, problem } = useArrays(
    "/api/backward",
    last < 1 ? null : askedOfBackward(ids, place.layer, place.checkpoint, asked),
  );
  const say = TEXT.backward;
  if (last < 1) return <p class="note">{TEXT.ablate.short}</p>;
  return (
    <div class="backward">
      <p>{say.intro}</p>
      <div class="controls">
        <label>
          {say.target}{" "}
          <select
            name="target"
            value={asked === null ? "all" : asked}
            onChange={(event) => {
              const text = event.currentTarget.value;
              setChosen(text === "all" ? "all" : Number(text));
            }}
          >
            {tokens!.names.map((name, t) =>
              t < first ? null : <option key={t} value={t}>{t}: {visible(name)}</option>,
            )}
            <option value="all">{say.all}</option>
          </select>
        </label>
        <Chooser label={TEXT.layer} count={about.config.n_layer} value={place.layer}
          onChange={(layer) => go({ layer })} />
        <Chooser label={TEXT.head} count={about.config.n_head} value={place.head}
          onChange={(head) => go({ head })} />
      </div>
      <Status busy={busy && !value} problem={problem} />
      {value && (
        <Shown layer={new LayerNumbers(about, value, place.layer, place.head)} target={asked} />
      )}
    </div>
  );
}

function Shown({ layer, target }: { layer: LayerNumbers; target: number | null }) {
  const [picked, setPicked] = useState<{ stage: string; cell: Cell } | null>(null);
  const { meta, arrays } = layer.packed;
  const loss = meta.loss as number;
  const places = meta.places as string[];
  const norms = arrays.norms!;
  const say = TEXT.backward;
  const rowNames = layer.rowNames.map(visible);
  const row = target === null ? layer.T - 1 : target - 1 - (meta.first as number);
  const picture = (stage: Stage, id: string, label: string, names: string[]) => (
    <Matrix
      id={id}
      label={label}
      rows={names.length}
      columns={stage.columns}
      value={stage.value}
      source={[layer.packed, layer.head]}
      kind={stage.kind}
      rowNames={names}
      columnName={(c) => (stage.keys ? (rowNames[c] ?? `${c}`) : `${c}`)}
      picked={picked?.stage === id ? picked.cell : null}
      onPick={(cell) => setPicked({ stage: id, cell })}
    />
  );
  const sizes: Stage = {
    name: "norms", title: say.norms, columns: layer.T, kind: "share", keys: true,
    value: (r, c) => norms.data[r * layer.T + c]!,
  }; // prettier-ignore
  const stages = layer.stages().filter(({ name }) => !FORWARD_ONLY.includes(name));
  return (
    <>
      <p data-loss={loss}>
        {target === null ? say.mean(shown(loss)) : say.loss(shown(loss), percent(Math.exp(-loss)))}
      </p>
      {picture(sizes, "norms", say.norms, places.map(placeName))}
      {row >= 0 && target !== null && <Pushes layer={layer} row={row} />}
      <ol class="stages">
        {stages.map((stage) => (
          <li key={stage.name}>
            {picture(stage, `d-${stage.name}`, say.by(stage.title), rowNames)}
          </li>
        ))}
      </ol>
    </>
  );
}

/** The logits that the loss pushes hardest. */
function Pushes({ layer, row }: { layer: LayerNumbers; row: number }) {
  const names = layer.packed.meta.names as Record<string, string>;
  const values = layer.row("top_gradients", row);
  const tokens = layer.row("top", row).map((id) => names[`${id}`]!);
  const largest = Math.max(1e-30, ...values.map(Math.abs));
  return (
    <table class="bars" data-bars="pushes">
      <caption>{TEXT.backward.pushes}</caption>
      <tbody>
        {values.map((value, i) => (
          <tr key={i}>
            <th scope="row"><code>{visible(tokens[i]!)}</code></th>
            <td data-value={value}>
              <span
                class={`bar bar-${value < 0 ? 0 : 1}`}
                style={{ width: `${(70 * Math.abs(value)) / largest}%` }}
              />
              <span class="number">{shown(value)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
