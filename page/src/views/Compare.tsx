/** Two checkpoints side by side. */

import { useState } from "preact/hooks";
import { checkpointName, visible } from "../format";
import { Bars } from "../parts/Bars";
import { Status } from "../parts/Status";
import { useJson, useShared } from "../state";
import { TEXT } from "../strings";

interface Drawn {
  names: string[];
  before: number[];
  text: string;
  drawn: number[];
}

const TOKENS = 200;

export function Compare() {
  const { about } = useShared();
  const [names, setNames] = useState([about.checkpoints[0]!, "now"]);
  const [seed, setSeed] = useState(1);
  const say = TEXT.compare;
  if (about.checkpoints.length < 2) return <p class="note">{say.one}</p>;
  return (
    <div class="compare">
      <p>{say.intro}</p>
      <label>
        {say.draw}{" "}
        <input
          type="number" name="seed" min={0} value={seed}
          onInput={(event) => setSeed(Math.max(0, Math.trunc(Number(event.currentTarget.value)) || 0))}
        />
      </label>
      <div class="grid">
        {[say.left, say.right].map((label, side) => (
          <div key={side}>
            <label>
              {label}{" "}
              <select
                value={names[side]}
                onChange={(event) => {
                  const name = event.currentTarget.value;
                  setNames((before) => before.map((old, i) => (i === side ? name : old)));
                }}
              >
                {about.checkpoints.map((name) => (
                  <option key={name} value={name}>{checkpointName(name)}</option>
                ))}
              </select>
            </label>
            <Side checkpoint={names[side]!} seed={seed} />
          </div>
        ))}
      </div>
    </div>
  );
}

function Side({ checkpoint, seed }: { checkpoint: string; seed: number }) {
  const { tokens, place } = useShared();
  const { value, busy, problem } = useJson<Drawn>("/api/sample", {
    ids: tokens!.ids, checkpoint, temperature: 0.8, seed, max_tokens: TOKENS,
  }); // prettier-ignore
  return (
    <>
      <Status busy={busy} problem={problem} />
      {value && (
        <>
          <pre tabIndex={0} data-compare={checkpoint} data-drawn={value.drawn.join(" ")}>
            <b>{place.text}</b>{value.text}
          </pre>
          <Bars
            id={`compare-${checkpoint}`}
            caption={TEXT.sample.caption}
            names={value.names.slice(0, 8).map(visible)}
            columns={[{ title: checkpointName(checkpoint), values: value.before.slice(0, 8) }]}
          />
        </>
      )}
    </>
  );
}
