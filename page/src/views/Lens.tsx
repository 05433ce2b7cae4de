/** What the model would say at each place of its stream. */

import { useState } from "preact/hooks";
import type { Packed } from "../api";
import { cssOf, percent, share, shown, visible } from "../format";
import { Bars } from "../parts/Bars";
import { Status } from "../parts/Status";
import { useTheme } from "../parts/theme";
import { useArrays, useShared } from "../state";
import { TEXT } from "../strings";

export function Lens() {
  const { place, tokens } = useShared();
  const { value, busy, problem } = useArrays("/api/lens", {
    ids: tokens!.ids, checkpoint: place.checkpoint,
  }); // prettier-ignore
  return (
    <div class="lens">
      <p>{TEXT.lens.intro}</p>
      <Status busy={busy && !value} problem={problem} />
      {value && (
        <Guesses
          id="lens"
          packed={value}
          columns={tokens!.names.slice(value.meta.first as number)}
        />
      )}
    </div>
  );
}

export function placeName(name: string): string {
  const [, layer, part] = name.split(".");
  if (layer === undefined) return TEXT.lens.embedding;
  return part === "stream_1" ? TEXT.lens.attention(Number(layer)) : TEXT.lens.mlp(Number(layer));
}

interface GuessesProps {
  id: string;
  packed: Packed; // of /api/lens, or of a look that a run has kept
  columns: string[]; // its tokens
}

export function Guesses({ id, packed, columns }: GuessesProps) {
  useTheme();
  const [picked, setPicked] = useState<[number, number] | null>(null);
  const names = packed.meta.names as Record<string, string>;
  const places = packed.meta.places as string[];
  const top = packed.arrays.top!;
  const probabilities = packed.arrays.probabilities!;
  const [, T, K] = top.shape as [number, number, number];
  const at = (row: number, column: number) => (row * T + column) * K;
  const shade = share();
  const [row, column] = picked ?? [places.length - 1, T - 1];
  const from = at(row, column);
  const entropy = packed.arrays.entropy!.data[row * T + column]!;
  const next = packed.arrays.next!.data[row * T + column]!;
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label={TEXT.views.lens}>
        <table class="lens-table" data-table={id}>
          <thead>
            <tr>
              <th scope="col">{TEXT.lens.place}</th>
              {columns.map((name, t) => (
                <th scope="col" key={t}><code>{visible(name)}</code></th>
              ))}
            </tr>
          </thead>
          <tbody>
            {places.map((name, r) => (
              <tr key={name}>
                <th scope="row">{placeName(name)}</th>
                {columns.map((_, t) => {
                  const value = probabilities.data[at(r, t)]!;
                  const guess = names[`${top.data[at(r, t)]}`]!;
                  return (
                    <td key={t}>
                      <button
                        type="button"
                        class={value > 0.35 ? "guess sure" : "guess"}
                        style={{ background: cssOf(shade, value) }}
                        aria-pressed={r === row && t === column}
                        data-token={top.data[at(r, t)]}
                        data-value={value}
                        title={percent(value)}
                        onClick={() => setPicked([r, t])}
                      >
                        <code>{visible(guess)}</code>
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Bars
        id={id}
        caption={`${TEXT.lens.guess}: ${placeName(places[row]!)}, ${visible(columns[column] ?? "")}`}
        names={Array.from({ length: K }, (_, k) => names[`${top.data[from + k]}`]!)}
        columns={[
          {
            title: placeName(places[row]!),
            values: Array.from(probabilities.data.subarray(from, from + K)),
          },
        ]}
      />
      <p class="note">
        {TEXT.lens.entropy}: {TEXT.lens.nats(shown(entropy))}
        {!Number.isNaN(next) && `; ${TEXT.lens.right(percent(next))}`}
      </p>
    </>
  );
}
