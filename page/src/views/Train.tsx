/** A training as it goes, and the means to stop it. */

import { json, recorded } from "../api";
import { shown } from "../format";
import { Curves } from "../parts/Curves";
import { useShared } from "../state";
import { TEXT } from "../strings";
import { Evaluations } from "./Evaluations";
import { Gradients } from "./Gradients";

type Point = [number, number];
const SMOOTH = 0.96;

export function Train() {
  const { about, events, training, fail } = useShared();
  const say = TEXT.train;
  const records = events.filter((event) => event.kind === "record");
  const points = (name: "loss" | "learning_rate" | "gradient_norm" | "tokens_per_s" | "validation_loss") =>
    records.flatMap((event): Point[] => {
      const value = event[name];
      return typeof value === "number" ? [[event.step, value]] : [];
    });
  if (!records.length && !training.live) return <p class="note">{say.none}</p>;
  const loss = points("loss");
  const validation = points("validation_loss");
  const level = Math.log(about.config.vocab_size);
  const samples = events.filter((event) => event.kind === "sample").reverse();
  const norms = events.filter((event) => event.kind === "norms").at(-1);
  const smooth = smoothed(loss); // of one batch alone it says little
  const last = validation.at(-1)?.[1] ?? smooth.at(-1)?.[1];
  const control = (action: string) => () => json("/api/training", { action }).catch(fail);
  const state = training.paused ? say.paused : training.live ? say.live : say.ended;
  return (
    <div class="train">
      <p role="status" data-step={records.at(-1)?.step}>
        {state} {records.length > 0 && say.at(records.at(-1)!.step, training.max_iters)}
      </p>
      {training.controls && !recorded && (
        <div class="buttons">
          <button type="button" disabled={training.paused} onClick={control("pause")}>
            {say.pause}
          </button>
          <button type="button" onClick={control("step")}>{say.one}</button>
          <button type="button" disabled={!training.paused} onClick={control("go")}>
            {say.go}
          </button>
        </div>
      )}
      {last !== undefined && <p>{say.meaning(shown(last), shown(Math.exp(last)))}</p>}
      <div class="grid">
        <Curves
          id="loss"
          title={say.loss}
          level={{ value: level, name: say.guessing(shown(level)) }}
          lines={[
            { name: say.training, points: loss, class: "line-faint" },
            { name: say.smooth, points: smooth, class: "line-0" },
            { name: say.validation, points: validation, class: "line-1", dots: true },
          ]}
        />
        <Curves
          id="norm"
          title={say.norm}
          lines={[{ name: say.norm, points: points("gradient_norm"), class: "line-0" }]}
        />
        <Curves
          id="rate"
          title={say.rate}
          lines={[{ name: say.rate, points: points("learning_rate"), class: "line-0" }]}
        />
        <Curves
          id="speed"
          title={say.speed}
          lines={[{ name: say.speed, points: points("tokens_per_s"), class: "line-0" }]}
        />
      </div>
      {norms?.norms && <Norms norms={norms.norms} step={norms.step} />}
      {training.controls && <Gradients />}
      <Evaluations />
      {samples.length > 0 && (
        <section>
          <h3>{say.samples}</h3>
          {samples.slice(0, 5).map((sample) => (
            <figure key={sample.step} class="sample">
              <figcaption>{say.afterStep(sample.step)}</figcaption>
              <pre tabIndex={0}>{sample.text}</pre>
            </figure>
          ))}
        </section>
      )}
    </div>
  );
}

/** A running mean in which the last steps count most. */
function smoothed(points: Point[]): Point[] {
  let mean = 0;
  let weight = 0;
  return points.map(([step, value]) => {
    mean = SMOOTH * mean + (1 - SMOOTH) * value;
    weight = SMOOTH * weight + (1 - SMOOTH);
    return [step, mean / weight];
  });
}

function Norms({ norms, step }: { norms: Record<string, number>; step: number }) {
  const largest = Math.max(...Object.values(norms), 1e-30);
  return (
    <table class="bars" data-bars="norms">
      <caption>{TEXT.train.layers}, {TEXT.train.afterStep(step)}</caption>
      <tbody>
        {Object.entries(norms).map(([name, value]) => (
          <tr key={name}>
            <th scope="row"><code>{name}</code></th>
            <td data-value={value}>
              <span class="bar bar-0" style={{ width: `${(70 * value) / largest}%` }} />
              <span class="number">{shown(value)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
