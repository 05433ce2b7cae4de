/** Numbers and tokens as a reader sees them. */

import { TEXT } from "./strings";

/** A number in four digits or so. */
export function shown(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-4) return value.toExponential(2).replace("-", "−");
  return value.toPrecision(4).replace("-", "−");
}

export function percent(value: number): string {
  if (value === 0) return "0 %";
  if (value < 0.0001) return "< 0.01 %";
  return `${(100 * value).toFixed(value < 0.1 ? 2 : 1)} %`;
}

export function counted(value: number): string {
  return value.toLocaleString("en");
}

/** A token so that blanks and line ends can be seen. */
export function visible(name: string): string {
  return name.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥");
}

/** A colour of the page's style sheet, as three numbers. */
export function colour(name: string): [number, number, number] {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = Number.parseInt(text.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** Colours of numbers from -largest to largest: `colour` is given -1 to 1. */
export interface Scale {
  largest: number;
  colour: (part: number) => [number, number, number];
}

function between(
  a: [number, number, number],
  b: [number, number, number],
  share: number,
): [number, number, number] {
  return [
    a[0] + (b[0] - a[0]) * share,
    a[1] + (b[1] - a[1]) * share,
    a[2] + (b[2] - a[2]) * share,
  ];
}

/** Blue for less than 0, orange for more: told apart by those who see no red or green. */
export function signed(largest: number): Scale {
  const [none, less, more] = [colour("--none"), colour("--less"), colour("--more")];
  return {
    largest: largest || 1,
    colour: (part) => between(none, part < 0 ? less : more, Math.sqrt(Math.abs(part))),
  };
}

/** From nothing to 1. */
export function share(largest = 1): Scale {
  const [none, much] = [colour("--none"), colour("--much")];
  return {
    largest: largest || 1,
    colour: (part) => between(none, much, Math.sqrt(Math.max(0, part))),
  };
}

export function css([r, g, b]: [number, number, number]): string {
  return `rgb(${r | 0} ${g | 0} ${b | 0})`;
}

/** The colour of a number, for a style. */
export function cssOf(scale: Scale, value: number): string {
  return css(scale.colour(Math.min(1, Math.max(-1, value / scale.largest))));
}

export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}

export function checkpointName(name: string): string {
  if (name === "now") return TEXT.now;
  return name === "untrained" ? TEXT.untrained : TEXT.step(name);
}
