/** Tokens as points, and which are near which. */

import { useEffect, useRef, useState } from "preact/hooks";
import { json, Problem, type Tokens } from "../api";
import { colour, counted, css, percent, shown, visible } from "../format";
import { Status } from "../parts/Status";
import { useTheme } from "../parts/theme";
import { useArrays, useShared } from "../state";
import { TEXT } from "../strings";

interface Near {
  tokens: string[];
  cosines: number[];
}

export function Embeddings() {
  const { value, busy, problem } = useArrays("/api/embeddings");
  const say = TEXT.embeddings;
  const names = (value?.meta.names ?? []) as string[];
  const shares = (value?.meta.shares ?? []) as number[];
  return (
    <div class="embeddings">
      <p>{say.intro}</p>
      <Status busy={busy && !value} problem={problem} />
      {value && (
        <div class="grid">
          <Cloud names={names} points={value.arrays.points!.data} shares={shares} />
          <div>
            <Ask id="near" title={say.near} count={1} />
            <Ask id="analogy" title={say.analogy} count={3} />
          </div>
        </div>
      )}
    </div>
  );
}

const SIZE = 560;
const EDGE = 24;

interface CloudProps {
  names: string[];
  points: ArrayLike<number>;
  shares: number[];
}

function Cloud({ names, points, shares }: CloudProps) {
  const { about } = useShared();
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const [hover, setHover] = useState<number | null>(null);
  const say = TEXT.embeddings;
  const places = placed(names.length, points);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, SIZE, SIZE);
    context.font = "13px ui-monospace, monospace";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const few = names.length <= 300;
    context.fillStyle = css(colour(few ? "--ink" : "--much"));
    places.forEach(([x, y], i) => {
      if (few) context.fillText(visible(names[i]!), x, y);
      else context.fillRect(x - 1, y - 1, 2, 2);
    });
    if (hover !== null) {
      const [x, y] = places[hover]!;
      context.strokeStyle = css(colour("--more"));
      context.lineWidth = 2;
      context.strokeRect(x - 9, y - 9, 18, 18);
    }
  }, [names, points, theme, hover]);
  const nearest = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SIZE;
    const y = ((event.clientY - box.top) / box.height) * SIZE;
    let best = 0;
    places.forEach(([a, b], i) => {
      const [c, d] = places[best]!;
      if ((a - x) ** 2 + (b - y) ** 2 < (c - x) ** 2 + (d - y) ** 2) best = i;
    });
    setHover(best);
  };
  const axes = shares.slice(0, 2).map((share, i) => say.axis(i + 1, percent(share)));
  return (
    <figure class="cloud" data-cloud={names.length}>
      <figcaption>
        {say.map}{names.length < about.config.vocab_size && `: ${say.some(names.length)}`}
      </figcaption>
      <canvas
        ref={canvas} width={SIZE} height={SIZE} role="img"
        aria-label={`${say.map}, ${counted(names.length)}; ${axes.join(", ")}`}
        onMouseMove={nearest} onMouseLeave={() => setHover(null)}
      />
      <p class="said">
        {hover === null
          ? axes.join(" · ")
          : `${visible(names[hover]!)}: ${shown(points[3 * hover]!)}, ${shown(points[3 * hover + 1]!)}`}
      </p>
    </figure>
  );
}

/** Where each token is on the canvas. */
function placed(count: number, points: ArrayLike<number>): [number, number][] {
  const axis = (k: number) => Array.from({ length: count }, (_, i) => points[3 * i + k]!);
  const scaled = [axis(0), axis(1)].map((values) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return values.map((value) => EDGE + ((SIZE - 2 * EDGE) * (value - low)) / (high - low || 1));
  });
  return scaled[0]!.map((x, i) => [x, SIZE - scaled[1]![i]!]);
}

function Ask({ id, title, count }: { id: string; title: string; count: 1 | 3 }) {
  const { fail } = useShared();
  const [words, setWords] = useState<string[]>(Array(count).fill(""));
  const [near, setNear] = useState<Near | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const say = TEXT.embeddings;
  const ask = async (event: SubmitEvent) => {
    event.preventDefault();
    setProblem(null);
    try {
      const ids = await Promise.all(words.map(tokenOf));
      setNear(await json<Near>("/api/near", { ids }));
    } catch (error) {
      setNear(null);
      if (error instanceof Problem && error.kind === "refused") setProblem(error.message);
      else fail(error);
    }
  };
  return (
    <form class="ask" data-ask={id} onSubmit={ask}>
      <h3>{title}</h3>
      {words.map((word, i) => (
        <label key={i}>
          {count === 1 ? say.find : ["a", "b", "c"][i]}{" "}
          <input
            type="text" size={8} value={word}
            onInput={(event) => {
              const text = event.currentTarget.value;
              setWords((before) => before.map((old, j) => (j === i ? text : old)));
            }}
          />
        </label>
      ))}
      <button type="submit">{say.ask}</button>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {near && (
        <ol class="near">
          {near.tokens.map((token, i) => (
            <li key={token} data-value={near.cosines[i]}>
              <code>{visible(token)}</code> {shown(near.cosines[i])}
            </li>
          ))}
        </ol>
      )}
    </form>
  );
}

/** The id of the one token that a text is. */
async function tokenOf(text: string): Promise<number> {
  const { ids, names } = await json<Tokens>("/api/tokens", { text, begin: false });
  const own = names.join("") === text || ids.length === 1 ? ids : ids.slice(1); // without a prefix
  if (!text || own.length !== 1) throw new Problem(TEXT.embeddings.unknown, "refused");
  return own[0]!;
}
