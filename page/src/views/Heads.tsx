/** The attention of all heads, small, and of one of them, large. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Tensor } from "../api";
import { percent, share, visible } from "../format";
import { type Cell, Matrix, paint } from "../parts/Matrix";
import { Status } from "../parts/Status";
import { useTheme } from "../parts/theme";
import { useArrays, useShared } from "../state";
import { TEXT } from "../strings";

export function Heads() {
  const { place, tokens, go } = useShared();
  const ids = tokens!.ids;
  const all = useArrays("/api/heads", { ids, checkpoint: place.checkpoint });
  const one = useArrays("/api/head", {
    ids, layer: place.layer, head: place.head, checkpoint: place.checkpoint,
  }); // prettier-ignore
  const maps = all.value?.arrays.maps;
  const size = maps ? maps.shape[2]! : 0;
  const map = one.value?.arrays.map;
  return (
    <div class="heads">
      <p>{TEXT.heads.intro} {ids.length > size && size > 0 && TEXT.heads.tiles}</p>
      <Status busy={all.busy && !maps} problem={all.problem} />
      {maps && (
        <SmallMaps
          maps={maps}
          chosen={[place.layer, place.head]}
          onPick={(layer, head) => go({ layer, head })}
        />
      )}
      <Status busy={one.busy && !map} problem={one.problem} />
      {map && map.shape[0] === ids.length && <OneHead numbers={map.data} />}
    </div>
  );
}

interface MapsProps {
  maps: Tensor; // (L, H, size, size)
  chosen: [number, number]; // layer and head
  onPick: (layer: number, head: number) => void;
}

/** The maps of all heads, a layer in each row. */
export function SmallMaps({ maps, chosen, onPick }: MapsProps) {
  const [L, H, size] = maps.shape as [number, number, number, number];
  return (
    <div class="small-maps" role="group" aria-label={TEXT.views.heads}>
      {Array.from({ length: L }, (_, layer) => (
        <div class="row" key={layer}>
          {Array.from({ length: H }, (_, head) => {
            const from = (layer * H + head) * size * size;
            return (
              <SmallMap
                key={head}
                label={TEXT.heads.map(layer, head)}
                numbers={maps.data.subarray(from, from + size * size)}
                size={size}
                chosen={layer === chosen[0] && head === chosen[1]}
                onPick={() => onPick(layer, head)}
              />
            );
          })}
        </div>
      ))}
    </div>
  );
}

interface SmallProps {
  label: string;
  numbers: Float32Array | Int32Array;
  size: number;
  chosen: boolean;
  onPick: () => void;
}

function SmallMap({ label, numbers, size, chosen, onPick }: SmallProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, numbers, size, size, share());
  }, [numbers, size, theme]);
  return (
    <button type="button" class="small-map" aria-label={label} aria-pressed={chosen} onClick={onPick}>
      <canvas ref={canvas} width={size} height={size} />
    </button>
  );
}

function OneHead({ numbers }: { numbers: Float32Array | Int32Array }) {
  const { place, tokens } = useShared();
  const names = tokens!.names.map(visible);
  const T = names.length;
  const [picked, setPicked] = useState<Cell | null>(null);
  const query = Math.min(picked?.row ?? T - 1, T - 1);
  const row = Array.from(numbers.subarray(query * T, query * T + T));
  const order = row
    .map((_, key) => key)
    .sort((a, b) => row[b]! - row[a]!)
    .slice(0, 10)
    .filter((key) => row[key]! > 0);
  return (
    <div class="grid">
      <Matrix
        id="head"
        label={TEXT.heads.map(place.layer, place.head)}
        rows={T}
        columns={T}
        value={(r, c) => numbers[r * T + c]!}
        source={[numbers, T]}
        kind="share"
        largest={1}
        rowNames={names}
        columnName={(c) => names[c]!}
        picked={picked}
        onPick={setPicked}
        cell={24}
        width={T > 560 ? T : 560}
      />
      <div>
        {T <= 64 && <Arcs numbers={numbers} names={names} query={query} />}
        <table class="bars" data-bars="looks">
          <caption>{TEXT.heads.looks(names[query]!)}</caption>
          <tbody>
            {order.map((key) => (
              <tr key={key}>
                <th scope="row"><code>{names[key]}</code> <small>{key}</small></th>
                <td data-value={row[key]}>
                  <span class="bar bar-0" style={{ width: `${70 * row[key]!}%` }} />
                  <span class="number">{percent(row[key]!)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <p class="note">{TEXT.heads.pick}</p>
      </div>
    </div>
  );
}

const LINE = 20; // pixels of a token
const SIDE = 110;

/** Lines from each token, left, to those that it looks at, right; the chosen one's are strong. */
function Arcs({ numbers, names, query }: { numbers: ArrayLike<number>; names: string[]; query: number }) {
  const T = names.length;
  const lines = [];
  for (let t = 0; t < T; t++) {
    for (let s = 0; s <= t; s++) {
      const weight = numbers[t * T + s]!;
      if (weight > 0.05 || t === query) {
        lines.push(
          <line
            key={`${t} ${s}`}
            class={t === query ? "arc chosen" : "arc"}
            x1={SIDE} y1={LINE * (t + 0.5)} x2={2.2 * SIDE} y2={LINE * (s + 0.5)}
            stroke-width={4 * weight}
            opacity={t === query ? 1 : 0.35 * weight}
          />,
        );
      }
    }
  }
  const cut = (name: string) => (name.length > 12 ? `${name.slice(0, 11)}…` : name);
  return (
    <figure class="scroll" tabIndex={0}>
      <figcaption>{TEXT.heads.arcs}</figcaption>
      <svg
        role="img"
        aria-label={`${TEXT.heads.arcs}; ${TEXT.heads.looks(names[query]!)}`}
        width={3.2 * SIDE}
        height={LINE * T}
      >
        {lines}
        {names.map((name, t) => (
          <g key={t}>
            <text class={t === query ? "arc-name chosen" : "arc-name"} text-anchor="end"
              x={SIDE - 6} y={LINE * (t + 0.5) + 4}>{cut(name)}</text>
            <text class="arc-name" x={2.2 * SIDE + 6} y={LINE * (t + 0.5) + 4}>{cut(name)}</text>
          </g>
        ))}
      </svg>
    </figure>
  );
}
