/** Parts of the model switched off. */

import { useState } from "preact/hooks";
import { cssOf, largestOf, shown, signed } from "../format";
import { json } from "../api";
import { Bars } from "../parts/Bars";
import { Status } from "../parts/Status";
import { useTheme } from "../parts/theme";
import { useJson, useShared } from "../state";
import { TEXT } from "../strings";

interface Answer {
  tokens: number[];
  names: string[];
  whole: { loss: number | null; probabilities: number[] };
  part: { loss: number | null; probabilities: number[] };
}

export function Ablate() {
  const { about, place, tokens, fail } = useShared();
  useTheme();
  const { n_layer: L, n_head: H } = about.config;
  const [scales, setScales] = useState<number[]>(() => Array<number>(L * (H + 2)).fill(1));
  const [ranking, setRanking] = useState<{ ids: number[]; changes: number[][] } | null>(null);
  const [busyRank, setBusyRank] = useState(false);
  const ids = tokens!.ids;
  const say = TEXT.ablate;
  const { value, busy, problem } = useJson<Answer>("/api/ablate", {
    ids, checkpoint: place.checkpoint, scales,
  }, true); // prettier-ignore
  const rank = () => {
    setBusyRank(true);
    json<{ changes: number[][] }>("/api/rank", { ids, checkpoint: place.checkpoint })
      .then(({ changes }) => setRanking({ ids, changes }))
      .catch(fail)
      .finally(() => setBusyRank(false));
  };
  const worth = ranking?.ids === ids ? ranking.changes : null;
  const colours = worth ? signed(largestOf(worth.flat())) : null;
  const nameOf = (part: number) =>
    part < H ? `${TEXT.head} ${part}` : part === H ? say.attention : say.mlp;
  const flip = (index: number) =>
    setScales((before) => before.map((scale, i) => (i === index ? 1 - scale : scale)));
  const change =
    value?.whole.loss != null && value.part.loss != null ? value.part.loss - value.whole.loss : null;
  return (
    <div class="ablate">
      <p>{say.intro}</p>
      <div class="buttons">
        <button type="button" onClick={() => setScales((before) => before.map(() => 1))}>
          {say.all}
        </button>
        <button type="button" disabled={busyRank || ids.length < 2} onClick={rank}>
          {busyRank ? say.ranking : say.rank}
        </button>
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label={TEXT.views.ablate}>
        <table class="switches">
          <thead>
            <tr>
              <th scope="col">{TEXT.layer}</th>
              {Array.from({ length: H + 2 }, (_, part) => (
                <th scope="col" key={part}>{nameOf(part)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: L }, (_, layer) => (
              <tr key={layer}>
                <th scope="row">{layer}</th>
                {Array.from({ length: H + 2 }, (_, part) => {
                  const index = layer * (H + 2) + part;
                  const on = scales[index] === 1;
                  const loss = worth?.[layer]?.[part];
                  const name = `${TEXT.layer} ${layer}, ${nameOf(part)}`;
                  return (
                    <td key={part}>
                      <button
                        type="button"
                        role="switch"
                        aria-checked={on}
                        aria-label={loss === undefined ? name : say.worth(name, shown(loss))}
                        title={loss === undefined ? name : say.worth(name, shown(loss))}
                        data-part={index}
                        data-worth={loss}
                        style={loss === undefined ? {} : { background: cssOf(colours!, loss) }}
                        onClick={() => flip(index)}
                      >
                        {loss === undefined ? (on ? say.on : say.off) : shown(loss)}
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Status busy={busy && !value} problem={problem} />
      {value && (
        <>
          {change === null ? (
            <p class="note">{say.short}</p>
          ) : (
            <p data-change={change} data-whole={value.whole.loss} data-part-loss={value.part.loss}>
              {say.loss}: {shown(value.whole.loss)} → {shown(value.part.loss)};{" "}
              {say.change(shown(change))}
            </p>
          )}
          <Bars
            id="ablate"
            caption={say.next}
            names={value.names}
            columns={[
              { title: say.whole, values: value.whole.probabilities },
              { title: say.part, values: value.part.probabilities },
            ]}
          />
        </>
      )}
    </div>
  );
}
