/** How the text is cut into tokens. */

import { useState } from "preact/hooks";
import { visible } from "../format";
import { useShared } from "../state";
import { TEXT } from "../strings";

export function TokensView() {
  const { place, tokens } = useShared();
  const say = TEXT.tokens;
  const found = tokens!;
  return (
    <div class="tokens">
      <p>{say.intro}</p>
      <p>{say.count(found.ids.length, [...place.text].length)}</p>
      <ol class="chips numbered" data-ids={found.ids.join(" ")}>
        {found.ids.map((id, i) => (
          <li key={i} class={`tone-${i % 4}`}>
            <code>{visible(found.names[i]!)}</code>
            <small>{id}</small>
          </li>
        ))}
      </ol>
      <h3>{say.merges}</h3>
      {found.merges ? (
        <Merges states={found.merges} />
      ) : (
        <p class="note">{[...place.text].length > 200 ? say.long : say.none}</p>
      )}
    </div>
  );
}

function Merges({ states }: { states: string[][] }) {
  const [step, setStep] = useState(states.length - 1);
  const at = Math.min(step, states.length - 1);
  return (
    <>
      <label class="slider">
        {TEXT.tokens.merges}
        <input
          type="range" name="merge" min={0} max={states.length - 1} value={at}
          onInput={(event) => setStep(Number(event.currentTarget.value))}
        />
        <output>{TEXT.tokens.step(at, states.length - 1)}</output>
      </label>
      <ol class="chips" data-merge={at}>
        {states[at]!.map((piece, i) => (
          <li key={i} class={`tone-${i % 4}`}><code>{visible(piece)}</code></li>
        ))}
      </ol>
    </>
  );
}
