/** A matrix as a picture: a cell for each number, which mouse and arrow keys can pick. */

import { useEffect, useRef, useState } from "preact/hooks";
import { largestOf, type Scale, share, shown, signed } from "../format";
import { TEXT } from "../strings";
import { useTheme } from "./theme";

export interface Cell {
  row: number;
  column: number;
}

interface Props {
  id: string;
  label: string;
  rows: number;
  columns: number;
  value: (row: number, column: number) => number;
  source: readonly [unknown, unknown]; // it is painted anew where one of these is another
  kind: "signed" | "share";
  largest?: number;
  rowNames?: string[];
  columnName?: (column: number) => string;
  picked?: Cell | null;
  onPick?: (cell: Cell) => void;
  cell?: number; // pixels of a cell, at most
  width?: number; // of the picture, about
}

export function Matrix(props: Props) {
  const { id, label, rows, columns, value, kind, rowNames, picked, onPick } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const [hover, setHover] = useState<Cell | null>(null);
  const most = props.cell ?? 16;
  const size = Math.max(1, Math.min(most, Math.floor((props.width ?? 560) / columns)));
  const high = Math.max(1, Math.min(most, Math.floor(560 / rows)));

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const numbers = new Float64Array(rows * columns);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) numbers[r * columns + c] = value(r, c);
    }
    const largest = props.largest ?? largestOf(numbers);
    paint(context, numbers, rows, columns, kind === "share" ? share(largest) : signed(largest));
  }, [...props.source, rows, columns, kind, props.largest, theme]);

  const at = hover ?? picked ?? null;
  const name = (row: number) => (rowNames ? `${rowNames[row] ?? row}` : `${row}`);
  const columnName = props.columnName ?? ((column: number) => `${column}`);
  const cellOf = (event: MouseEvent): Cell => {
    const box = canvas.current!.getBoundingClientRect();
    const clamp = (part: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor(part * count)));
    return {
      row: clamp((event.clientY - box.top) / box.height, rows),
      column: clamp((event.clientX - box.left) / box.width, columns),
    };
  };
  const move = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    }; // prettier-ignore
    const step = steps[event.key];
    if (!step || !onPick) return;
    event.preventDefault();
    const from = picked ?? { row: rows - 1, column: 0 };
    onPick({
      row: Math.min(rows - 1, Math.max(0, from.row + step[0])),
      column: Math.min(columns - 1, Math.max(0, from.column + step[1])),
    });
  };
  const said = at
    ? `${name(at.row)} · ${columnName(at.column)}: ${shown(value(at.row, at.column))}`
    : TEXT.pickCell;
  return (
    <figure class="matrix" data-matrix={id} data-theme={theme}>
      <figcaption>{label}</figcaption>
      <div class="scroll" tabIndex={-1}>
        <div class="cells" style={{ width: `${columns * size}px`, height: `${rows * high}px` }}>
          <canvas
            ref={canvas}
            width={columns}
            height={rows}
            tabIndex={onPick ? 0 : -1}
            role="application"
            aria-label={`${label}: ${TEXT.matrix(rows, columns)}`}
            aria-describedby={`${id}-said`}
            onMouseMove={(event) => setHover(cellOf(event))}
            onMouseLeave={() => setHover(null)}
            onClick={(event) => onPick?.(cellOf(event))}
            onKeyDown={move}
            onFocus={() => !picked && onPick?.({ row: rows - 1, column: 0 })}
          />
          {picked && picked.row < rows && picked.column < columns && (
            <span
              class="mark"
              style={{
                left: `${picked.column * size}px`,
                top: `${picked.row * high}px`,
                width: `${size}px`,
                height: `${high}px`,
              }}
            />
          )}
        </div>
      </div>
      <p
        id={`${id}-said`}
        class="said"
        aria-live="polite"
        data-row={at?.row}
        data-column={at?.column}
        data-value={at ? value(at.row, at.column) : undefined}
      >
        {said}
      </p>
    </figure>
  );
}

const SHADES = 255; // on each side of 0

/** One pixel a number; the browser makes it as large as its cell. */
export function paint(
  context: CanvasRenderingContext2D,
  numbers: ArrayLike<number>,
  rows: number,
  columns: number,
  scale: Scale,
): void {
  const shades = new Uint8ClampedArray(4 * (2 * SHADES + 1));
  for (let i = 0; i <= 2 * SHADES; i++) {
    shades.set([...scale.colour((i - SHADES) / SHADES), 255], 4 * i);
  }
  const colours = new Uint32Array(shades.buffer);
  const image = context.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < rows * columns; i++) {
    const part = Math.min(1, Math.max(-1, numbers[i]! / scale.largest));
    pixels[i] = colours[SHADES + Math.round(SHADES * (part || 0))]!;
  }
  context.putImageData(image, 0, 0);
}
