/** Numbers by step, as lines. */

import { shown } from "../format";

export interface Line {
  name: string;
  points: [number, number][];
  class: string;
  dots?: boolean;
}

interface Props {
  id: string;
  title: string;
  lines: Line[];
  level?: { value: number; name: string };
}

const W = 640, H = 220, LEFT = 76, BOTTOM = 24, TOP = 10, RIGHT = 10; // prettier-ignore
const MOST = 1200; // points of a line that are drawn

export function Curves({ id, title, lines: given, level }: Props) {
  const lines = given.filter((line) => line.points.length);
  const all = lines.flatMap((line) => line.points);
  const last = lines.map((line) => `${line.name} ${shown(line.points.at(-1)?.[1])}`).join(", ");
  if (!all.length) return null;
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y).concat(level ? [level.value] : []);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const low = Math.min(...ys), high = Math.max(...ys); // prettier-ignore
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const [y0, y1] = [low - room, high + room];
  const x = (value: number) => LEFT + ((W - LEFT - RIGHT) * (value - x0)) / (x1 - x0 || 1);
  const y = (value: number) => TOP + ((H - TOP - BOTTOM) * (y1 - value)) / (y1 - y0);
  const ticks = [0, 1, 2, 3].map((i) => y0 + ((y1 - y0) * (i + 0.5)) / 4);
  return (
    <figure class="curves" data-curves={id}>
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${W} ${H}`} role="img" aria-label={`${title}: ${last}`}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="rule" x1={LEFT} x2={W - RIGHT} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={LEFT - 6} y={y(tick) + 4} text-anchor="end">{shown(tick)}</text>
          </g>
        ))}
        <text class="tick" x={LEFT} y={H - 6}>{x0}</text>
        <text class="tick" x={W - RIGHT} y={H - 6} text-anchor="end">{x1}</text>
        {level && (
          <g>
            <line class="level" x1={LEFT} x2={W - RIGHT} y1={y(level.value)} y2={y(level.value)} />
            <text class="tick" x={W - RIGHT} y={y(level.value) - 4} text-anchor="end">
              {level.name}
            </text>
          </g>
        )}
        {lines.map((line) => (
          <g key={line.name} class={line.class}>
            <polyline points={thin(line.points).map(([a, b]) => `${x(a)},${y(b)}`).join(" ")} />
            {line.dots &&
              thin(line.points).map(([a, b]) => <circle key={a} cx={x(a)} cy={y(b)} r="3" />)}
          </g>
        ))}
      </svg>
      <ul class="legend">
        {lines.map((line) => (
          <li key={line.name} class={line.class} data-last={line.points.at(-1)?.[1]}>
            <span class="key" aria-hidden="true" /> {line.name}: {shown(line.points.at(-1)?.[1])}
          </li>
        ))}
      </ul>
    </figure>
  );
}

function thin(points: [number, number][]): [number, number][] {
  const stride = Math.ceil(points.length / MOST);
  return stride <= 1 ? points : points.filter((_, i) => i % stride === 0 || i + 1 === points.length);
}
