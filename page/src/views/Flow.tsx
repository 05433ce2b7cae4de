/** One layer, number by number, and what is before and after it. */

import { useState } from "preact/hooks";
import { visible } from "../format";
import { Bars } from "../parts/Bars";
import { type Cell, Matrix } from "../parts/Matrix";
import { Status } from "../parts/Status";
import { useArrays, useShared } from "../state";
import { TEXT } from "../strings";
import { Made } from "./Made";
import { LayerNumbers, type Stage } from "./stages";

export interface Picked {
  stage: string;
  cell: Cell;
}

export function Flow() {
  const { about, place, tokens, go } = useShared();
  const [picked, setPicked] = useState<Picked | null>(null);
  const { value, busy, problem } = useArrays("/api/flow", {
    ids: tokens!.ids, layer: place.layer, checkpoint: place.checkpoint,
  }); // prettier-ignore
  const layer = value ? new LayerNumbers(about, value, place.layer, place.head) : null;
  return (
    <div class="flow">
      <p>{TEXT.flow.intro}</p>
      <div class="controls">
        <Chooser label={TEXT.layer} count={about.config.n_layer} value={place.layer}
          onChange={(chosen) => go({ layer: chosen })} />
        <Chooser label={TEXT.head} count={about.config.n_head} value={place.head}
          onChange={(chosen) => go({ head: chosen })} />
      </div>
      <Status busy={busy && !value} problem={problem} />
      {layer && (
        <div class="flow-columns">
          <ol class="stages">
            {layer.stages().map((stage) => (
              <li key={stage.name}>
                <Picture layer={layer} stage={stage} picked={picked} setPicked={setPicked} />
              </li>
            ))}
            <li>
              <Bars
                id="next"
                caption={TEXT.flow.next}
                names={layer.nextNames()}
                columns={[{ title: TEXT.sample.before, values: layer.nextProbabilities() }]}
              />
            </li>
          </ol>
          <Made layer={layer} picked={picked} />
        </div>
      )}
    </div>
  );
}

interface PictureProps {
  layer: LayerNumbers;
  stage: Stage;
  picked: Picked | null;
  setPicked: (picked: Picked) => void;
}

function Picture({ layer, stage, picked, setPicked }: PictureProps) {
  const names = layer.rowNames.map(visible);
  return (
    <Matrix
      id={stage.name}
      label={stage.title}
      rows={layer.T}
      columns={stage.columns}
      value={stage.value}
      source={[layer.packed, layer.head]}
      kind={stage.kind}
      {...(stage.kind === "share" ? { largest: 1 } : {})}
      rowNames={names}
      columnName={(c) => (stage.keys ? (names[c] ?? `${c}`) : `${c}`)}
      picked={picked?.stage === stage.name ? picked.cell : null}
      onPick={(cell) => setPicked({ stage: stage.name, cell })}
    />
  );
}

interface ChooserProps {
  label: string;
  count: number;
  value: number;
  onChange: (value: number) => void;
}

export function Chooser({ label, count, value, onChange }: ChooserProps) {
  return (
    <label>
      {label}{" "}
      <select value={value} onChange={(event) => onChange(Number(event.currentTarget.value))}>
        {Array.from({ length: count }, (_, i) => (
          <option key={i} value={i}>{i}</option>
        ))}
      </select>
    </label>
  );
}
